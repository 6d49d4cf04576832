"""The same `.t` files judged by Cram on the host and by `--compat cram`: verdicts and `.err` files must be the same.

Cram is Debian's python3-cram. Files are generated from a seed, so that a difference can be looked at again, besides those of `cram/`.
What cannot be the same is left out here and listed in README.md.
"""

import collections
import concurrent.futures
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys

SKIPPED = 77
FOLDER_SIZE = 250
HERE = os.path.dirname(os.path.abspath(__file__))


def cram_command():
    """How Cram is called here, or nothing."""
    for command in (["cram"], ["/usr/bin/python3", "-m", "cram"], ["python3", "-m", "cram"]):
        if not shutil.which(command[0]):
            continue
        told = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd="/")
        if told.returncode == 0 and "Cram CLI testing framework" in told.stdout:
            return command
    return None


# ---- what Cram shows


def escaped(data):
    """A line's bytes as Cram shows them when they need it."""
    named = {0x09: rb"\t", 0x0D: rb"\r", 0x5C: rb"\\"}
    return b"".join(named.get(c) or (bytes([c]) if 0x20 <= c < 0x7F else b"\\x%02x" % c) for c in data)


def shown(output):
    """Lines of output as Cram shows them, without indentation."""
    lines = []
    for line in output.splitlines(True):
        text = line if line.endswith(b"\n") else line + b" (no-eol)\n"
        text = text[:-1]
        if any(c < 0x20 or c > 0x7E for c in text):
            text = escaped(text) + b" (esc)"
        lines.append(text)
    return lines


# ---- generated files


WORDS = (b"alpha beta gamma delta foo bar 12 345 a.b x*y [z] {1} (a) $HOME \\ ? + ^ | 'q' \"d\" # ; & ~ hello_world "
         b"foo(re) tail> $ > ...").split(b" ")
ODD = [b"\t", b"\r", b"\x01", b"\x1b[31m", b"\x7f", b"\xff", b"\xc3\xa4", b"\xe2\x82\xac", b"\xc3", b"\\", b"\x0b", b"\x0c", b"\x1c", b"\x85"]
LOOKS = [b"  $ echo x", b"$ echo x", b"> echo more", b"[1]", b"[0]", b"[80]", b"foo (re)", b"foo* (glob)", b"x\\ty (esc)", b"x (no-eol)", b" (re)",
         b"", b" ", b"  ", b"foo (?)", b"(glob)", b"x (re) (glob)", b"#", b"...", b"*** (re)", b"[a (re)", b"--- a", b"+++ b", b"@@ -1 +1 @@"]
INVALID = [b"*** (re)", b"[a (re)", b"(a (re)", b"a{2 (re)", b"(?P<n (re)", b"a) (re)", b"++ (re)", b"[b-a] (re)", b"\\8 (re)"]
PATTERNS = [b".* (re)", b".+ (re)", b"* (glob)", b"?* (glob)", b"[a-z0-9 ]+ (re)", b"(foo|bar).* (re)", b"\\w+ \\w+ (re)", b"a|b (re)", b"f?? (glob)",
            b"\\S* (re)", b"[^x]* (re)", b"^a.*$ (re)", b"(?i)ALPHA.* (re)", b"x{0,3}.* (re)", b" (glob)", b" (re)", b".{,5} (re)", b"a{1,} (re)",
            b"\\* (glob)", b"*\\?* (glob)", b"\\d+ (re)", b"(?P<n>.)(?P<m>.).* (re)"]


def harmless(line):
    """An expected line that looks like a command is one: nothing that reads Cram's script or takes more of it for its own."""
    return b"x" + line if line[:2] in (b"$ ", b"> ") and line not in (b"$ echo x", b"> echo more") else line


def octal(data):
    """A printf word for bytes."""
    return b"'" + b"".join(bytes([c]) if chr(c).isalnum() or c in b" .,:_-+=@/" else b"\\%03o" % c for c in data) + b"'"


class Writer:
    """Makes one file."""

    def __init__(self, seed, indent):
        self.random = random.Random(seed)
        self.indent = b" " * indent
        self.lines = []  # the file's

    def pick(self, among):
        return self.random.choice(among)

    def chance(self, probability):
        return self.random.random() < probability

    def line(self):
        kind = self.random.random()
        if kind < 0.12:
            return self.pick(LOOKS)
        words = b" ".join(self.pick(WORDS) for _ in range(self.random.randint(1, 4)))
        if kind < 0.3:
            at = self.random.randint(0, len(words))
            words = words[:at] + self.pick(ODD) + words[at:]
        return words

    def output(self):
        count = self.pick([0, 1, 1, 1, 2, 3, 5, 8])
        text = b"\n".join(self.line() for _ in range(count))
        if text and not self.chance(0.12):
            text += b"\n"
        return text

    def printed(self):
        output = self.output()
        stream = b" >&2" if self.chance(0.1) else b""
        return [b"printf " + octal(output) + stream if output else b"true"], output, 0

    def command(self):
        """Lines of a command, what it prints, its exit status (None: look what it does)."""
        kind = self.random.random()
        if kind < 0.5:
            return self.printed()
        if kind < 0.58:
            word = self.pick([b"one", b"two words", b"x  y", b"*"])
            return [b"echo '" + word + b"'"], word + b"\n", 0
        if kind < 0.66:
            code = self.pick([0, 1, 2, 80, 127, 255])
            lines, output, _ = self.printed()
            return [lines[0] + b"; (exit %d)" % code], output, code
        if kind < 0.7:
            word = self.pick(WORDS[:6])
            return [b"cat <<'EOF'", b"a " + word, b"", b"  $ in it", b"EOF"], b"a " + word + b"\n\n  $ in it\n", 0
        if kind < 0.74:
            return [b"say() {", b"  echo \"said $1\"", b"}"], b"", 0
        if kind < 0.77:
            return [b"X=value; export X"], b"", 0
        if kind < 0.8:
            return [b"echo \"${X-none}\""], None, 0
        if kind < 0.83:
            return [b"mkdir -p d; cd d; touch a b; ls"], None, 0
        if kind < 0.86:
            return [b"echo $?"], b"0\n", 0
        if kind < 0.89:
            n = self.pick([3, 12, 60])
            return [b"seq 1 %d" % n], b"".join(b"%d\n" % i for i in range(1, n + 1)), 0
        if kind < 0.905:
            n = self.pick([150, 230, 420])
            return [b"i=0; while [ $i -lt %d ]; do echo same; echo $i; i=$((i+1)); done" % n], b"".join(b"same\n%d\n" % i for i in range(n)), 0
        if kind < 0.925:
            return [b"nosuchcommand"], None, 127
        if kind < 0.935:
            return [b"cd /nosuch/folder"], None, 2
        if kind < 0.95:
            return [b"for i in 1 2 3; do", b"  echo \"line $i\"", b"done"], b"line 1\nline 2\nline 3\n", 0
        if kind < 0.96:
            return [b"sh -c 'kill -9 $$'"], None, 137
        if kind < 0.97:
            return [b"echo $LINENO"], None, 0
        if kind < 0.985:
            return self.ending()
        return [b""], b"", 0

    def ending(self):
        """The shell ends here."""
        return self.pick([([b"exit 80"], b"", 0), ([b"exit 0"], b"", 0), ([b"exit 3"], b"", 0), ([b"printf 'last'; exit 1"], b"las", 0),
                          ([b"echo last; exit 1"], b"last", 0), ([b"set -e", b"false"], b"", 0), ([b"kill -9 $$"], b"", 0),
                          ([b"set -u; echo $undefined_one"], None, 0)])

    def expectation(self, line):
        """A line of output as somebody might expect it; mostly it holds."""
        kind = self.random.random()
        if kind < 0.5:
            return line
        plain = line[:-6] if line.endswith(b" (esc)") else line
        if kind < 0.6:
            return re.escape(line) + b" (re)"
        if kind < 0.68:
            cut = self.random.randint(0, len(plain))
            return re.sub(rb"([*?\\])", rb"\\\1", plain[:cut]) + b"* (glob)"
        if kind < 0.74:
            return b"".join(b"\\x%02x" % c if chance < 0.3 else (b"\\\\" if c == 0x5C else bytes([c]))
                            for c, chance in ((c, self.random.random()) for c in plain)) + b" (esc)"
        if kind < 0.82:
            return self.pick(PATTERNS)
        if kind < 0.87:
            return line + self.pick([b" (re)", b" (glob)", b" (esc)", b" (no-eol)", b" (eq)", b" (?)", b" ", b" (re) (glob)"])
        if kind < 0.9:
            return self.pick(INVALID)
        if kind < 0.93:
            return self.pick(LOOKS)
        return self.line().replace(b"\n", b"").replace(b"\r", b"")

    def expected(self, output, status):
        if output is None:
            return [self.pick([b"* (glob)", b".* (re)", b"none", b"a", b"value", b"*: not found (glob)"]) for _ in range(self.random.randint(0, 2))]
        lines = [self.expectation(line) if self.chance(self.mess) else line for line in shown(output)]
        if self.chance(self.mess * 0.5) and lines:
            change, at = self.random.randint(0, 3), self.random.randrange(len(lines))
            if change == 0:
                del lines[at]
            elif change == 1:
                lines.insert(at, self.expectation(lines[at]))
            elif change == 2:
                lines.insert(at, self.line().replace(b"\r", b""))
            else:
                self.random.shuffle(lines)
        if status and not self.chance(self.mess * 0.2):
            lines.append(b"[%d]" % status)
        elif self.chance(self.mess * 0.1):
            lines.append(self.pick([b"[0]", b"[1]", b"[300]", b"[01]", b"[1] "]))
        return lines

    def prose(self):
        for _ in range(self.pick([0, 0, 0, 1, 1, 2, 3])):
            self.lines.append(self.pick([b"", b"", b"Some prose.", b"# a comment", b" one blank", b"A title:", b"\ttab", b"$ no command", b"caf\xc3\xa9 \xff",
                                         b"\x01 control", b"-- ", b"```"]))

    def file(self):
        self.mess = self.pick([0, 0, 0.1, 0.3, 0.8])
        if self.chance(0.02):
            self.lines.append(self.indent + b"an orphan")
        for _ in range(self.pick([1, 1, 2, 3, 4, 6, 10])):
            self.prose()
            command, output, status = self.command()
            self.lines.append(self.indent + b"$ " + command[0])
            self.lines += [self.indent + b"> " + more for more in command[1:]]
            expected = self.expected(output, status)
            if self.chance(self.mess * 0.15):
                expected.insert(self.random.randint(0, len(expected)), None)
            for line in expected:
                self.lines.append(b"text between" if line is None else self.indent + harmless(line))
            if self.chance(self.mess * 0.05):
                self.lines.append(self.indent + b"> echo continued late")
        self.prose()
        whole = b"\n".join(self.lines)
        if not self.chance(0.1):
            whole += b"\n"
        if self.chance(0.02):
            whole = b"\r\n".join(b"".join(self.indent + b"$ echo %d\n" % i + self.indent + b"%d\n" % i for i in range(3)).split(b"\n"))
        return whole


# ---- both sides


def run_cram(cram, folder, names, indent):
    """Verdicts of Cram by name, run in `folder`."""
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "CRAM": "", "CRAMRC": "/dev/null"}
    done = subprocess.run([*cram, "-q", "-v", "--shell=/bin/sh", f"--indent={indent}", *names], cwd=folder, env=environment, capture_output=True)
    verdicts = dict(re.findall(rb"^(\S+\.t): (passed|failed|skipped|empty)$", done.stdout, re.M))
    missing = [name for name in names if name.encode() not in verdicts]
    if missing and len(names) > 1:  # it died: find out whose fault it is
        half = len(names) // 2
        return {**run_cram(cram, folder, names[:half], indent), **run_cram(cram, folder, names[half:], indent)}
    words = {b"passed": "pass", b"failed": "fail", b"skipped": "skip", b"empty": "empty"}
    return {name: words[verdicts[name.encode()]] if name.encode() in verdicts else "died" for name in names}


def run_ours(program, folder, names, indent, compat=True):
    """Verdicts of ours by name, and the names of those with a case that was not run."""
    command = [program, "run", "hostfs", ".", "-j", "2", "--err-files", "--json", "--shell", "/bin/sh", "--indent", str(indent)]
    done = subprocess.run(command + (["--compat", "cram"] if compat else []), cwd=folder, capture_output=True, env=os.environ)
    names_of, verdicts, not_run = {}, {}, set()
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        event = json.loads(line)
        if event["type"] == "script_started":
            names_of[event["script"]] = os.path.normpath(event["name"])
        elif event["type"] == "case_ended" and event["outcome"] == "not_run":
            not_run.add(names_of[event["script"]])
        elif event["type"] == "script_ended":
            verdicts[names_of[event["script"]]] = (event["outcome"], event.get("reason", ""))
    if set(verdicts) != set(names):
        raise RuntimeError(f"{command} told of {len(verdicts)} of {len(names)} files: {done.stderr.decode('utf-8', 'replace')[-500:]}")
    return verdicts, not_run


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def compare(folder, other, name, cram, ours, partly):
    """What differs, in words; nothing when nothing does. And the kind of agreement, for the statistics."""
    theirs = content(os.path.join(other, name + ".err"))
    mine = content(os.path.join(folder, name + ".err"))
    verdict, reason = ours
    if cram == "died":
        return ("", "Cram died") if verdict in ("pass", "fail") else (f"Cram dies of it, ours says {verdict} ({reason})", "")
    source = content(os.path.join(folder, name))
    if verdict == "error" and "no test was found" in reason:
        return ("", "no command in it") if cram in ("empty", "pass", "fail") else (f"no test was found, and Cram says {cram}", "")
    if name in partly and cram == "pass":
        return ("", "not all of it ran: never green") if verdict == "fail" else (f"Cram passes what did not run, ours says {verdict}", "")
    if verdict != cram:
        return f"Cram says {cram}, ours says {verdict} ({reason})", ""
    if cram == "fail" and theirs != mine:
        sides = ([repr(line) for line in (text or b"").splitlines(True)] for text in (theirs, mine))
        return "the .err files differ:\n" + "\n".join(difflib.unified_diff(*sides, "Cram", "ours", lineterm="", n=2)), ""
    if cram == "pass" and mine is not None:
        return "it passed, and there is an .err file", ""
    return "", "same: " + cram


def check_folder(program, cram, scratch, number, files, indent):
    """Judges a folder of files (name -> bytes) by both. Returns (differences, statistics)."""
    ours, theirs = (os.path.join(scratch, f"{number}-{who}") for who in ("ours", "cram"))
    for folder in ours, theirs:
        os.mkdir(folder)
        for name, text in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
    names = sorted(files)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        cram_verdicts = pool.submit(run_cram, cram, theirs, names, indent)
        verdicts, partly = run_ours(program, ours, names, indent)
        cram_verdicts = cram_verdicts.result()
    differences, kinds = [], collections.Counter()
    for name in names:
        difference, kind = compare(ours, theirs, name, cram_verdicts[name], verdicts[name], partly)
        if difference:
            differences.append((os.path.join(ours, name), difference))
        else:
            kinds[kind] += 1
    if not differences:
        shutil.rmtree(ours)
        shutil.rmtree(theirs)
    return differences, kinds


def generated(count, seed):
    """Folders of generated files: (files, indent)."""
    made = 0
    while made < count:
        indent = 4 if made // FOLDER_SIZE % 8 == 7 else 2
        files = {}
        while len(files) < min(FOLDER_SIZE, count - made):
            files[f"g{made + len(files):05}.t"] = Writer(f"{seed}/{made + len(files)}", indent).file()
        made += len(files)
        yield files, indent


def by_hand():
    folder = os.path.join(HERE, "cram")
    return {name: content(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".t")}


def check_differences(program, cram, scratch):
    """Each file of `differences/` says in its first line what the default mode and Cram say, and README.md says why."""
    source, ours, theirs = (os.path.join(HERE, "differences"), os.path.join(scratch, "differences-ours"), os.path.join(scratch, "differences-cram"))
    names = sorted(name for name in os.listdir(source) if name.endswith(".t"))
    for folder in ours, theirs:
        os.mkdir(folder)
        for name in names:
            shutil.copy(os.path.join(source, name), folder)
    cram_verdicts, (verdicts, _) = run_cram(cram, theirs, names, 2), run_ours(program, ours, names, 2, compat=False)
    compat = run_ours(program, theirs, names, 2)[0]
    readme = content(os.path.join(HERE, "README.md")).decode()
    wrong = []
    for name in names:
        said = re.match(rb"# default: (\w+); Cram: (\w+); ", content(os.path.join(source, name)))
        default, other = (word.decode() for word in said.groups())
        if (verdicts[name][0], cram_verdicts[name]) != (default, other):
            wrong.append((name, f"it says {default} and {other}, and it is {verdicts[name]} and {cram_verdicts[name]}"))
        if compat[name][0] != other and name not in NEVER_SAME:
            wrong.append((name, f"--compat cram says {compat[name]}"))
        if f"`{name}`" not in readme:
            wrong.append((name, "it is not in README.md"))
    return wrong, collections.Counter({"differences of the default mode": len(names) - len(wrong)})


# Of those in `differences/`: what `--compat cram` does not change.
NEVER_SAME = {"never_ran.t", "look_ahead.t", "no_command.t", "trace.t"}


def main(program, scratch, count, seed):
    cram = cram_command()
    if not cram:
        print("skipped, because python3-cram is missing")
        return SKIPPED
    folders = [(by_hand(), 2), *generated(count, seed)]
    differences, kinds = [], collections.Counter()
    for number, (files, indent) in enumerate(folders):
        found, same = check_folder(program, cram, scratch, number, files, indent)
        differences += found
        kinds += same
    found, same = check_differences(program, cram, scratch)
    differences += found
    kinds += same
    for path, difference in differences[:20]:
        print(f"{path}: {difference}")
    print(f"seed {seed}: " + ", ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items())))
    print(f"{sum(kinds.values())} passed, {len(differences)} failed, 0 skipped")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "1"))
