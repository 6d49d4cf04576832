"""Generated scripts in the language of go-internal's testscript: every one from a seed, so that a difference can be looked at again.

Most lines succeed, so that scripts come far; some are wrong in ways that people's are. What they run is what every Debian has.
"""

import random

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
        self.output = False

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

    def file(self):
        name = self.random.choice(self.files) if self.some(0.85) else self.random.choice(
            ["nope", "d", ".", "..", "a/b", "$WORK/a", "$X", "''", "/", "d/", "stdout", "stderr", "../x", "$WORK/./d/../a", "nope/x", "/dev/null", "$devnull", "./a", "d//e"])
        return f"'{name}'" if " " in name else name

    def fresh(self):
        name = self.random.choice(["n1", "n2", "d/n3", "x y", "n4/n5", "d", "a", "nope/n6", "stdout"])
        if self.some(0.7):
            self.files.append(name)
        return f"'{name}'" if " " in name else name

    def arguments(self):
        """Of any command, as they come."""
        return " ".join(self.random.choice((self.file, self.word, self.fresh))() for _ in range(self.random.randint(0, 4)))

    # ---- lines

    def exec(self):
        self.output = True
        kind = self.random.random()
        if kind < 0.3:
            return f"exec{self.blank()}printf '<%s>\\n'{self.blank()}{self.words()}"
        if kind < 0.4:
            return f"exec cat {self.file()}"
        if kind < 0.5:
            return f"exec echo {self.words(3)}"
        if kind < 0.72:
            return "exec sh -c '" + self.pick("echo one; echo two", "echo out; echo err >&2", "echo one; echo one >&2", "printf \"a.b\\nc\\td\\nE\\n\"", "printf x", "echo",
                                              "printf \"one\\ntwo\"", "echo one >&2; printf two", ":", "printf \"\\\\377x\\n\"", "printf \"one\\r\\ntwo\\r\\n\"",
                                              "for i in 1 2 3; do echo line $i; done", "echo $0", "echo [background] x: exit status 0", "cat", "echo FAIL: x:1: y") + "'"
        if kind < 0.82:
            code = self.pick("1", "3", "255", "127")
            return self.pick("! ", "! ", "! ", "") + f"exec sh -c 'echo out; echo err >&2; exit {code}'"
        if kind < 0.86:
            return self.pick("! ", "! ", "") + "exec sh -c 'echo one; kill -" + self.pick("9", "TERM", "SEGV", "INT") + " $$'"
        if kind < 0.9:
            return self.pick("! ", "! ", "") + "exec " + self.pick("false", "nosuchprogram", "./a", "./d", "./nope", "nope/x", "./script.sh", "''", "/", "d/e", "/nope")
        if kind < 0.93:
            return "exec sh script.sh " + self.words(2)
        if kind < 0.95:
            return self.pick("exec", "! exec", "exec &", "exec ''", "exec pwd", "exec true", "! exec true", "exec pwd", "exec sh -c 'echo $PWD'")
        return "exec sh -c 'printf \"%s;\" \"$X\" \"$Y\" \"$HOME\" \"$devnull\" \"$exe\"; test -d \"$TMPDIR\"'"

    def match(self):
        name = self.random.choice(["stdout", "stdout", "stderr", "grep"])
        pattern = self.random.choice(BROKEN if self.some(0.03) else PATTERNS)
        negated = "! " if self.some(0.25) else ""
        count = ""
        if self.some(0.2):
            count = "-count=" + self.pick("1", "1", "2", "2", "3", "30", "0", "-1", "x", "", "+1", "01", "1_0", "99999999999999999999", "0x1", " 1") + " "
        rest = " " + self.file() if name == "grep" else ""
        if self.some(0.03):
            rest += " " + self.word()
        if self.some(0.02):
            pattern = ""
        return f"{negated}{name} {count}{pattern}{rest}"

    def shows(self):
        """What the failure quotes."""
        return f"! {self.pick('stdout', 'stdout', 'stderr')} '(?s)" + self.pick(".+", ".*", "o.*", "^.") + "'"

    def compare(self):
        name = self.pick("cmp", "cmp", "cmp", "cmpenv")
        left = self.random.choice(["stdout", "stderr"]) if self.some(0.3) else self.file()
        right = self.file()
        if self.some(0.4):
            left, right = self.random.choice([("a", "b"), ("b", "a"), ("a", "b"), ("values", "vars"), ("d/e", "d/e"), ("stdout", "a"), ("a", "crlf"), ("'a'", "./a")])
        extra = " " + self.file() if self.some(0.03) else ""
        return f"{self.pick('', '', '! ')}{name} {left} {right}{extra}"

    def compare_after(self):
        """An output and the file that it is."""
        self.output = True
        name = self.random.choice(["a", "long", "dots", "crlf", "empty", "d/e"])
        return f"exec cat {name}\n{self.pick('cmp', 'cmp', 'cmpenv')} stdout {name}"

    def env(self):
        name = self.random.choice(["X", "Y", "Z", "X_", "LINUX", "A.B", "1", "x"])
        if name == "LINUX":
            return "env LINUX=" + self.pick("[linux]", "[windows]", "!", "exec", "")
        return self.pick("env", "env " + name, f"env {name}={self.word()}", f"env {name}={self.word()}", f"env {name}={self.word()}", f"env {name}={self.word()} Y=$X",
                         f"env {name}=one", f"env {name}='a.b(c'", f"env '{name}=a b'", f"env {name}=", f"env {name} NOPE", "! env", "env -r X=a.b", "env -r",
                         "env PATH=/bin" if name == "1" else "env Y=two")

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
            return f"chmod {self.pick('755', '644', '0755', '444', '0o644', '888', '1755', '+x', '', '777', '-1')} {self.file()}" + self.pick("", "", "", " a")
        if name == "symlink":
            return f"symlink {self.fresh()} {self.pick('->', '->', '->', '->', '=>', '')} {self.pick('a', 'nope', 'd', '$WORK/a', '../a', self.file())}"
        if name == "exists":
            return f"{self.pick('', '', '! ')}exists {self.pick('', '', '', '-readonly ', '-exec ')}{self.file()}" + self.pick("", "", " " + self.file())
        return "cd " + self.pick("d", "d", ".", "..", "$WORK", "${WORK}/d", "a", "nope", "d/e", "", "d .", "./d/../d", "''")

    def start(self):
        self.output = False
        name = self.pick("", "", "one", "two", "bg_1")
        if name:
            if self.some(0.9):
                self.background.append(name)
        mark = f"&{name}&" if name else "&"
        if self.some(0.06):
            mark = self.pick("&one", "&one-two&", "'&'", "'&one&'", "&&", "&ä&", "$AMP", "& ")
        return f"{self.pick('', '', '', '! ')}exec " + self.pick(
            "sh -c 'echo one; echo err >&2'", "echo two", "false", "sh -c 'exit 3'", "true", "cat a", "nosuchprogram", "sh -c 'sleep 0.02; echo one'", "sh -c 'kill -9 $$'") + " " + mark

    def wait(self):
        self.output = True
        if self.background and self.some(0.6):
            return f"wait {self.background.pop(self.random.randrange(len(self.background)))}"
        self.background = []
        return self.pick("wait", "wait", "wait", "wait", "wait one", "! wait", "wait one two", "wait ''")

    def stdin(self):
        self.output = True
        return f"stdin {self.pick(self.file(), 'stdout', 'stderr', 'a')}\n" + self.pick("exec cat", "exec cat", "exec sh -c 'cat; cat >&2'", "exec true\nexec cat", "exec cat &\nwait", "env\nexec cat",
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
                 (2, self.convert), (0.7, self.end), (3, self.odd), (2, lambda: self.pick("", "# a phase", "#no blank", "   ", "# another", "## two")), (1, self.shows))
        if self.background or self.some(0.05):
            kinds += ((8, self.wait),)
        text = self.random.choices([kind[1] for kind in kinds], [kind[0] for kind in kinds])[0]()
        if self.some(0.12) and text:
            condition = self.random.choice(ODD_CONDITIONS if self.some(0.08) else CONDITIONS)
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
            text += self.pick("-- late --\nno end of line", "-- a --\nagain\n", "-- $WORK/d/f --\nin WORK\n", "-- d/../g --\nup\n", "-- ${X}h --\nempty variable\n", "-- nested/deep/er/file --\nx\n",
                              "--a--\nno marker\n", "-- a -- \nno marker\n", " -- a --\nno marker\n", "-- --\nno name\n", "--  --\nno name\n", "-- crlf2 --\r\nx\r\n-- b --\r\ny\r\n", "-- ./a --\nother a\n",
                              "-- d --\na folder's name\n", "-- a/b --\nbelow a file\n", "-- ' --\nquote\n", "-- # --\nhash\n", "-- a -- b --\ntwo\n", "-- ${ --\nopen\n", "-- ../up --\nabove\n",
                              "-- n\xe4me --\nx\n", "-- $/x --\nslash\n", "-- ${/}etc --\n", "-- .tmp/x --\nx\n", "-- .. --\nx\n", "-- -- --\nx\n", "-- - --\nx\n", "-- empty2 --\n-- empty3 --\n")
        return text

    def script(self):
        lines = ["env X=one Y='two words' Z='a.b*c' LINUX=[linux] AMP=&"] if self.some(0.8) else []
        lines += [self.line() for _ in range(self.random.randint(1, 14))]
        if self.background and self.some(0.9):
            lines.append("wait")
        if self.some(0.35):
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
