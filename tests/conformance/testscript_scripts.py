"""Generated scripts in the language of go-internal's testscript: every one from a seed, so that a difference can be looked at again.

Most lines succeed, so that scripts come far; some are wrong in ways that people's are. What they run is what every Debian has.
"""

import random
import re

FILES = {
    "a": "one\ntwo\n",
    "b": "one\ntwo\n",
    "c": "three\n",
    "d/e": "in a folder\none\n",
    "with blank": "blank\n",
    "empty": "",
    "long": "".join(f"line {n}\n" for n in range(30)),
    "dots": "a.b\nc\td\nE\n\nlast\n",
    "vars": "X=$X ${Y} $$ ${X@R} $NOPE ${} ${x $",
    "values": "X=one \n",
    "crlf": "one\r\ntwo\r\n",
    "script.sh": "echo from script $1\n",
}
SHELL_OUTPUT = {
    "echo one; echo two": ("one\ntwo\n", ""),
    "echo out; echo err >&2": ("out\n", "err\n"),
    "echo one; echo one >&2": ("one\n", "one\n"),
    "echo one >&2; printf two": ("two", "one\n"),
    "printf x": ("x", ""),
    "echo": ("\n", ""),
    ":": ("", ""),
    "for i in 1 2 3; do echo line $i; done": ("line 1\nline 2\nline 3\n", ""),
}
SHELL = [*SHELL_OUTPUT, *SHELL_OUTPUT, "printf \"a.b\\nc\\td\\nE\\n\"", "printf \"one\\ntwo\"", "printf \"\\\\377x\\n\"", "printf \"one\\r\\ntwo\\r\\n\"",
         "echo $0", "echo [background] x: exit status 0", "cat", "echo FAIL: x:1: y"]
PLAIN = ["x", "one", "a.b", "A=1", "-n", "\\", '"', "a\"b", "*", "~", ";", "|", ">", "&&", "{}", "[x]", "ä", "=", ":", "/", "%", "@", "!", "?"]
VARIABLES = ["$X", "${X}", "$Y", "${Y}", "$NOPE", "${NOPE}", "$$", "${$}", "$1x", "$-A", "$#", "${}", "${", "$", "$/", "${/}", "$:", "${:}",
             "${X@R}", "${Z@R}", "$X.b", "$X$Y", "$?", "$*", "$@", "$!", "$0", "${X", "$ä", "$X_", "${X_}", "$(x)", "$'x'", "${a b}",
             "$devnull", "$exe", "${exe}x", "$HOME", "$WORK/x", "${WORK}", "$PWD", "$TMPDIR", "${@R}", "$}", "${X}}"]
QUOTED = ["''", "'a b'", "'it''s'", "''''", "'$X'", "'#'", "'\\n'", "'a'b'c'", "a'b c'd", "'''x'", "'x'''", "'\"'", "'\t'", "$X'$X'$X", "'&'", "'[linux]'"]
PATTERNS = ["one", "^one$", "two", "'^two$'", "three", "nope", ".", "'^$'", "'(?i)ONE'", "'one\\ntwo'", "'^one\\n'", "'\\Aone'", "'two\\n\\z'", "'o+'", "'[a-z]+'",
            "'\\bone\\b'", "'\\d'", "line", "'line 1'", "'^line 1$'", "$X", "${X@R}", "'a.b'", "'a\\.b'", "'\\Qa.b\\E'", "'\\t'", "'(?s)one.*two'", "'x*'", "'(one|two)'",
            "'`'", "'\\x6f'", "'$'", "'^'", "'o{1,2}'", "'(?-m)^two'", "'[^\\n]+'", "''", "'(?P<n>o)ne'", "out", "err", "'\"'", "'a`b'", "'.*?e'", "'\\r'"]
BROKEN = ["'['", "'('", "')'", "'*'", "'a**'", "'\\8'", "'(?<n'", "'a{2000}'", "'(?P<n>a)(?P<n>b)'", "'[b-a]'", "'\\'", "'(?z)'", "'[[:foo:]]'", "'\\pX'", "'x{2}{3}'"]
CONDITIONS = ["[linux]", "[!linux]", "[unix]", "[!unix]", "[windows]", "[!windows]", "[amd64]", "[!arm64]", "[arm64]", "[short]", "[!short]", "[symlink]", "[link]",
              "[gc]", "[gccgo]", "[exec:sh]", "[exec:nosuchprogram]", "[!exec:nosuchprogram]", "[!exec:sh]", "[go1.1]", "[!go1.1]", "[go1.19]", "[go1.999]", "[darwin]", "[js]",
              "'[linux]'", "$LINUX", "[!!linux]", "[!  linux]"]
ODD_CONDITIONS = ["[foo]", "[!foo]", "[]", "[!]", "[linux", "linux]", "[ linux ]", "[GOOS:linux]", "[go1]", "[go1.01]", "[go2.0]", "[exec:]", "[[linux]]", "[Linux]", "[root]", "[verbose]"]
COMMANDS = ["cd", "chmod", "cmp", "cmpenv", "cp", "env", "exec", "exists", "grep", "mkdir", "mv", "rm", "skip", "stderr", "stdout", "stop", "symlink", "wait",
            "stdin", "unix2dos", "unquote"]
UNKNOWN = ["echo", "cat", "sleep", "!exec", "!exists", "Exec", "execc", "exsits", "go1", "[linux]exec", "?", "! !", "help", "replace", "addcrlf", "&", "''", "-", "exec=", "stdoutt",
           "cdd", "cm", "sd", "grp", "mvv", "stp"]


class Writer:
    """Makes one script. What it remembers of the state only makes it likely that lines succeed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = list(FILES)
        self.background = []
        self.out, self.err = "", ""  # what the last command printed, where it is known

    def pick(self, *choices):
        return self.random.choice(choices)

    def some(self, chance):
        return self.random.random() < chance

    def word(self):
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(PLAIN[:2]) if self.some(0.4) else self.random.choice(PLAIN)
        if kind < 0.65:
            return self.random.choice(VARIABLES)
        if kind < 0.9:
            return self.random.choice(QUOTED)
        return "".join(self.random.choice(self.random.choice((PLAIN, VARIABLES, QUOTED))) for _ in range(self.random.randint(2, 4)))

    def words(self, most=5):
        return self.blank().join(self.word() for _ in range(self.random.randint(0, most)))

    def blank(self):
        return self.random.choice([" "] * 8 + ["  ", "\t", " \t ", "\r"])

    def file(self, outside=False):
        """A name, mostly of a file that is there. @param outside it may lie outside of $WORK, since it is only read"""
        names = ["nope", "d", ".", "a/b", "''", "d/", "stdout", "stderr", "$WORK/./d/../a", "$WORK/a", "$X", "nope/x", "./a", "d//e"]
        if outside:
            names += ["..", "/", "../x", "/dev/null", "$devnull", "/nope/x"]
        name = self.random.choice(self.files if self.some(0.94) else names)
        return f"'{name}'" if " " in name else name

    def fresh(self):
        name = self.random.choice(["n1", "n2", "d/n3", "x y", "n4/n5", "d", "a", "nope/n6", "stdout"])
        if self.some(0.7):
            self.files.append(name)
        return f"'{name}'" if " " in name else name

    def arguments(self):
        """Of any command, as they come; names stay below $WORK."""
        return " ".join(self.random.choice((self.file, self.fresh, lambda: self.random.choice(QUOTED)))() for _ in range(self.random.randint(0, 4)))

    # ---- lines

    def exec(self):
        kind = self.random.random()
        if kind < 0.3:
            text = self.random.choice(SHELL)
            self.out, self.err = SHELL_OUTPUT.get(text, (None, None))
            return f"exec sh -c '{text}'"
        if kind < 0.45:
            name = self.random.choice(["a", "b", "c", "d/e", "long", "dots", "crlf"])
            self.out, self.err = FILES[name], ""
            return f"exec cat {name}"
        self.out = self.err = None
        if kind < 0.66:
            return f"exec{self.blank()}printf '<%s>\\n'{self.blank()}{self.words()}"
        if kind < 0.69:
            return f"exec cat {self.file(True)}"
        if kind < 0.76:
            return f"exec echo {self.words(3)}"
        if kind < 0.84:
            code = self.pick("1", "3", "255", "127")
            self.out, self.err = "out\n", "err\n"
            return self.pick("! ", "! ", "! ", "! ", "! ", "! ", "") + f"exec sh -c 'echo out; echo err >&2; exit {code}'"
        if kind < 0.87:
            self.out, self.err = "one\n", ""
            return self.pick("! ", "! ", "! ", "! ", "") + "exec sh -c 'echo one; kill -" + self.pick("9", "TERM", "SEGV", "INT") + " $$'"
        if kind < 0.91:
            return self.pick("! ", "! ", "! ", "! ", "") + "exec " + self.pick("false", "nosuchprogram", "./a", "./d", "./nope", "nope/x", "./script.sh", "''", "/", "d/e", "/nope")
        if kind < 0.93:
            return "exec sh script.sh " + self.words(2)
        if kind < 0.95:
            return self.pick("exec pwd", "exec true", "exec true", "exec pwd", "exec sh -c 'echo $PWD'", "exec sh -c 'echo $0'", "exec", "! exec", "exec &", "exec ''", "! exec true")
        return "exec sh -c 'printf \"%s;\" \"$X\" \"$Y\" \"$HOME\" \"$devnull\" \"$exe\"; test -d \"$TMPDIR\"'"

    def likely(self, text, wanted):
        """A pattern that matches a text, or does not, as far as this can be told here."""
        for _ in range(20):
            pattern = self.random.choice(PATTERNS)
            if text is None or "$X" in pattern or "${" in pattern:
                if self.some(0.1):
                    return pattern
                continue
            try:
                found = re.search(pattern.strip("'").replace("\\z", "\\Z").replace("\\Q", "").replace("\\E", ""), text, re.M)
            except re.error:
                return pattern
            if (found is not None) == wanted:
                return pattern
        return "'(?s).*'" if wanted else "nosuchtext"

    def match(self):
        name = self.random.choice(["stdout", "stdout", "stderr", "grep"])
        negated = self.some(0.25)
        file = self.file(True) if name == "grep" else ""
        text = FILES.get(file.strip("'")) if file else self.out if name == "stdout" else self.err
        pattern = self.likely(text, (not negated) if self.some(0.9) else negated)
        if self.some(0.02):
            pattern = self.random.choice(BROKEN)
        count = ""
        if self.some(0.15) and not (negated and self.some(0.9)):
            number = self.random.choice(["1", "2", "3", "30", "1", "2", "0", "-1", "x", "", "+1", "01", "1_0", "99999999999999999999", "0x1", " 1"] if self.some(0.4) else ["1"])
            if text is not None and self.some(0.8):
                pattern, number = self.pick(("o", text.count("o")), ("'^.*$'", text.count("\n") + 1), ("one", text.count("one")), ("'\\n'", text.count("\n")))
                number = max(1, number)
            count = f"-count={number} "
        rest = " " + file if file else ""
        if self.some(0.02):
            rest += " " + self.word()
        if self.some(0.01):
            pattern = ""
        return f"{'! ' if negated else ''}{name} {count}{pattern}{rest}"

    def shows(self):
        """What the failure quotes."""
        return f"! {self.pick('stdout', 'stdout', 'stderr')} '(?s)" + self.pick(".+", ".*", "^.") + "'"

    def compare(self):
        name = self.pick("cmp", "cmp", "cmp", "cmpenv")
        if self.some(0.7):
            one, other, same = self.random.choice([("a", "b", True), ("b", "a", True), ("a", "c", False), ("a", "crlf", False), ("./a", "b", True), ("$WORK/a", "b", True), ("'long'", "dots", False),
                                                   ("empty", "/dev/null", True), ("empty", "a", False)])
            return f"{'' if same == self.some(0.93) else '! '}{name} {one} {other}"
        left = self.random.choice(["stdout", "stderr"]) if self.some(0.3) else self.file(True)
        extra = " " + self.file() if self.some(0.03) else ""
        return f"{self.pick('', '! ', '! ')}{name} {left} {self.pick(self.file(True), self.file(), 'd/e')}{extra}"

    def compare_after(self):
        """An output and the file that it is."""
        name = self.random.choice(["a", "long", "dots", "crlf", "empty", "d/e"])
        self.out, self.err = FILES[name], ""
        return f"exec cat {name}\n{self.pick('cmp', 'cmp', 'cmpenv')} stdout {name}"

    def env(self):
        name = self.random.choice(["X", "Y", "Z", "X_", "LINUX", "A.B", "1", "x"])
        if name == "LINUX":
            return "env LINUX=" + self.pick("[linux]", "[windows]", "!", "exec", "")
        return self.pick("env", "env " + name, f"env {name}={self.word()}", f"env {name}={self.word()}", f"env {name}={self.word()}", f"env {name}={self.word()} Y=$X",
                         f"env {name}=one", f"env {name}='a.b(c'", f"env '{name}=a b'", f"env {name}=", f"env {name} NOPE", "! env" if self.some(0.1) else "env", "env -r X=a.b", "env -r",
                         "env PATH=/bin" if name == "1" else "env Y=two", "env X=one", "env X=two Y='two words'")

    def change(self):
        name = self.random.choice(["mkdir", "rm", "mv", "cp", "cp", "cp", "chmod", "chmod", "symlink", "exists", "exists", "exists", "exists", "cd"])
        if name == "mkdir":
            return f"mkdir {self.fresh()}" + (" " + self.fresh() if self.some(0.3) else "")
        if name == "rm":
            gone = self.random.choice(["c", "nope", "d", "empty", "d/e", "nope/x", "n1", "a/b"])
            self.files = [file for file in self.files if file != gone] or ["a"]
            return f"rm {gone}" + self.pick("", "", " nope")
        if name == "mv":
            return f"mv {self.file()} {self.fresh()}"
        if name == "cp":
            return f"cp {self.pick(self.file(), self.file(), 'stdout', 'stderr')} {self.pick('', '', '', self.file() + ' ')}{self.pick(self.fresh(), self.fresh(), 'd')}"
        if name == "chmod":
            return f"chmod {self.pick('755', '644', '0755', '444', '777') if self.some(0.9) else self.pick('0o644', '888', '1755', '+x', '', '-1')} {self.file()}" + self.pick("", "", "", " a")
        if name == "symlink":
            return f"symlink {self.fresh()} {'->' if self.some(0.95) else self.pick('=>', '')} {self.pick('a', 'nope', 'd', '$WORK/a', '../a', self.file())}"
        if name == "exists" and self.some(0.8):
            return self.pick("exists a", "exists a b d", "! exists nope", "! exists nope nope2", "exists $WORK/a ./b", "exists d/e 'with blank'", "! exists a", "exists nope", "exists a nope", "! exists nope a")
        if name == "exists":
            return f"{self.pick('', '', '! ')}exists {self.pick('', '', '', '-readonly ', '-exec ')}{self.file(True)}" + self.pick("", "", " " + self.file(True))
        return "cd " + (self.pick(".", "$WORK", "./d/..", "$WORK/d/..", "$WORK/./d/../.") if self.some(0.6) else self.pick("d", "..", "${WORK}/d", "a", "nope", "d/e", "", "d .", "./d/../d", "''"))

    def start(self):
        """A background command; it is waited for sooner or later."""
        self.out = self.err = ""
        name = self.pick("", "", "one", "two", "bg_1")
        if name:
            if self.some(0.9):
                self.background.append(name)
        mark = f"&{name}&" if name else "&"
        if self.some(0.06):
            mark = self.pick("&one", "&one-two&", "'&'", "'&one&'", "&&", "&ä&", "$AMP", "& ")
        well = self.some(0.7)
        program = self.pick("sh -c 'echo one; echo err >&2'", "echo two", "true", "cat a", "sh -c 'sleep 0.02; echo one'") if well else self.pick("false", "sh -c 'exit 3'", "nosuchprogram", "sh -c 'kill -9 $$'")
        return ("" if well == self.some(0.95) else "! ") + f"exec {program} {mark}"

    def wait(self):
        self.out = self.err = None
        if self.background and self.some(0.6):
            return f"wait {self.background.pop(self.random.randrange(len(self.background)))}"
        self.background = []
        return self.pick("wait", "wait", "wait", "wait", "wait one", "! wait", "wait one two", "wait ''")

    def stdin(self):
        self.out = self.err = None
        return f"stdin {self.pick(self.file(True), 'stdout', 'stderr', 'a')}\n" + self.pick("exec cat", "exec cat", "exec sh -c 'cat; cat >&2'", "exec true\nexec cat", "exec cat &\nwait", "env\nexec cat",
                                                                                "! exec nosuchprogram\nexec cat", "stdin b\nexec cat")

    def convert(self):
        return self.pick(f"unix2dos {self.file()}", f"unix2dos {self.file()} {self.file()}", "unix2dos", "! unix2dos a", f"unquote {self.file()}", "unquote quoted", "unquote empty",
                         "unquote quoted a", "! unquote quoted", "unquote nope", "exec cat quoted\nunquote quoted\nexec cat quoted\nunquote quoted", "unix2dos a\nexec cat a\nunix2dos a\nexec cat a")

    def end(self):
        return self.pick("stop", "stop why", "skip", "skip 'a reason'", "stop a b", "skip a b", "! skip", "! stop")

    def odd(self):
        return self.pick(self.random.choice(UNKNOWN) + " " + self.words(2), self.random.choice(COMMANDS) + " " + self.arguments(), self.random.choice(COMMANDS) + " " + self.arguments(),
                         "! " + self.random.choice(COMMANDS) + " " + self.arguments(), "exec echo 'open", "'exec' echo x", "exe'c' echo one", "'exec echo' x", "!", "'!' exec false", "! ! exec true",
                         "$NOPE exec true", "'' exec true", "! ", "  # only a comment", "#", "# phase $X", " exec echo x # comment", "exec echo x#y z", "exec echo 'x#y'#z", "\t\texec true\t", "\r",
                         "exec echo ä 'ö'", "[linux]", "[linux] !", "[windows]", "[windows] !", "[linux] [amd64]", "[linux][amd64] exec true", "! [linux] exec false", "[linux] [linux] ! exec false")

    def line(self):
        """One line, or a few that belong together."""
        kinds = ((30, self.exec), (18, self.match), (9, self.compare), (5, self.compare_after), (10, self.env), (14, self.change), (5, self.start), (5, self.wait), (4, self.stdin),
                 (2, self.convert), (0.5, self.end), (1.5, self.odd), (2, lambda: self.pick("", "# a phase", "#no blank", "   ", "# another", "## two")), (0.5, self.shows))
        if self.background or self.some(0.05):
            kinds += ((8, self.wait),)
        text = self.random.choices([kind[1] for kind in kinds], [kind[0] for kind in kinds])[0]()
        if self.some(0.12) and text:
            condition = self.random.choice(ODD_CONDITIONS if self.some(0.04) else CONDITIONS)
            text = f"{condition} {text}"
            if self.some(0.15):
                text = f"{self.random.choice(CONDITIONS)} {text}"
        if self.some(0.03):
            text += self.pick(" # comment", "#comment", " #", "\r", " ")
        return text

    def archive(self):
        files = list(FILES.items())
        self.random.shuffle(files)
        files.append(("quoted", self.pick(">-- x --\n>one\n", ">one\ntwo\n", "one\n", ">one\n>>two\n>\n")))
        text = ""
        for name, data in files:
            text += f"-- {name} --\n{data}" if not self.some(0.02) else f"--  {name}\t --\r\n{data}"
            if not text.endswith("\n"):
                text += "\n"
        if self.some(0.12):
            text += self.pick("-- late --\nno end of line", "-- a --\nagain\n", "-- f$WORK.txt --\nno variable is known\n", "-- d/../g --\nup\n", "-- ${X}h --\nempty variable\n", "-- nested/deep/er/file --\nx\n",
                              "--a--\nno marker\n", "-- a -- \nno marker\n", " -- a --\nno marker\n", "-- --\nno name\n", "--  --\nno name\n", "-- crlf2 --\r\nx\r\n-- b --\r\ny\r\n", "-- ./a --\nother a\n",
                              "-- d --\na folder's name\n", "-- a/b --\nbelow a file\n", "-- ' --\nquote\n", "-- # --\nhash\n", "-- a -- b --\ntwo\n", "-- ${ --\nopen\n", "-- d/../../script-up/x --\nabove\n",
                              "-- n\xe4me --\nx\n", "-- $/x --\nslash\n", "-- ${/}etc --\n", "-- .tmp/x --\nx\n", "-- d/.. --\nx\n", "-- -- --\nx\n", "-- - --\nx\n", "-- empty2 --\n-- empty3 --\n")
        return text

    def script(self):
        lines = ["env X=one Y='two words' Z='a.b*c' LINUX=[linux] AMP=&"] if self.some(0.8) else []
        lines += [self.line() for _ in range(self.random.randint(1, 14))]
        if self.background and self.some(0.9):
            lines.append("wait")
        if self.some(0.25):
            lines.append(self.shows())
        text = "\n".join(lines) + self.pick("\n", "\n", "\n", "\n\n", "")
        if self.some(0.04):
            text = text.replace("\n", "\r\n")
        if not text.endswith("\n"):
            if self.some(0.3):
                return text
            text += "\n"
        return text + self.archive()


def script_of(seed, number):
    """The bytes of one script."""
    return Writer(f"{seed}.{number}").script().encode()
