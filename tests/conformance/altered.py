"""Assertions that pass, each made false: every script must fail at that line. What stays green there was never looked at.

altered.py TESTCTR FOLDER [LEAST]

The scripts are those that pass of the suites beside us: the rows of every dialect, go-internal's, shfmt's, age's, and generated ones. In each, one
assertion that was carried out is negated, or its pattern, number, file or content is changed, one script for each change.
"""

import collections
import os
import re
import shutil
import sys

import testscript
import testscript_peers as peers
import testscript_scripts as scripts

ROWS = os.path.join(os.path.dirname(peers.HERE), "dialects")
MARKER = re.compile(rb"^-- .* --\r?$", re.M)
WORD = re.compile(r"[^\s'#]+(?:'(?:[^']|'')*'[^\s'#]*)*|(?:'(?:[^']|'')*'[^\s'#]*)+")
NEVER = "nosuchtextanywhere"
OTHER = "/proc/version"  # a file that is there, with a content that no script has
MATCHERS = ("stdout", "stderr", "grep")
GENERATED = 2000


def words_of(line):
    """The words of a line with where they stand; nothing when it is not told apart as simply as that."""
    words, at = [], 0
    while True:
        blank = re.compile(r"[ \t\r]*").match(line, at).end()
        if blank >= len(line) or line[blank] == "#":
            return words
        word = WORD.match(line, blank)
        if word is None or word.end() == blank:
            return []
        words.append((word.group(), blank, word.end()))
        at = word.end()


def alterations(line, any_error):
    """Lines that say the opposite, or something else that is false. @param any_error `!` is content with every error, as in rsc.io/script"""
    words = words_of(line)
    first, negated = 0, None
    while first < len(words) and (words[first][0] in ("!", "?") or re.fullmatch(r"\[[^\]]*\]", words[first][0])):
        if words[first][0] == "?":
            return
        if words[first][0] == "!":
            negated = words[first]
        first += 1
    if first >= len(words) or words[-1][0].strip("'").startswith("&"):
        return
    name, begin, end = words[first]
    rest = words[first + 1:]
    if name not in (*MATCHERS, "cmp", "cmpenv", "exists", "exec") or not rest:
        return
    flags = 0
    while flags < len(rest) and rest[flags][0].startswith("-") and name != "exec":
        flags += 1
    counts = [word for word in rest[:flags] if word[0].startswith("-count=")]

    def replaced(word, text):
        return line[:word[1]] + text + line[word[2]:]

    if not counts or any_error:
        yield line[:negated[1]] + line[negated[2]:].lstrip(" ") if negated else line[:begin] + "! " + line[begin:]
    if negated and any_error:
        return
    for count in counts:
        number = re.fullmatch(r"-count=(\d+)", count[0])
        if number:
            yield replaced(count, f"-count={int(number[1]) + 1}")
    arguments = rest[flags:]
    if not arguments:
        return
    if name in MATCHERS:
        yield replaced(arguments[0], "''" if negated else NEVER)
    elif name in ("cmp", "cmpenv") and len(arguments) == 2 and not negated:
        yield replaced(arguments[1], OTHER)
    elif name == "exists":
        # A flag can be what keeps it from being so.
        if negated and not flags:
            yield replaced(arguments[0], OTHER)
        elif not negated:
            yield replaced(arguments[-1], "nosuchfile")


class Source:
    """Scripts that are run in one way."""

    def __init__(self, title, dialect, texts, options=(), image="builtin", path=None):
        self.title, self.dialect, self.texts, self.options, self.image, self.path = title, dialect, texts, list(options), image, path

    def run(self, testctr, folder, texts):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, text in texts.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
        return peers.run_ours(testctr, folder, list(texts), image=self.image, options=self.options, path=self.path, dialect=self.dialect)

    def altered(self, testctr, folder, most):
        """@return texts by name, and for each the line that must fail"""
        texts, lines = {}, {}
        for name, run in self.run(testctr, folder, self.texts).items():
            if run.outcome != "pass":
                continue
            text = self.texts[name]
            archive = MARKER.search(text)
            comment = text[:archive.start()] if archive else text
            files = text[archive.start():] if archive else b""
            made = 0
            for number in carried_out(run):
                split = comment.split(b"\n")
                for line in alterations(split[number - 1].decode(errors="surrogateescape"), self.dialect == "rsc"):
                    if made >= most:
                        break
                    made += 1
                    changed = split[:number - 1] + [line.encode(errors="surrogateescape")] + split[number:]
                    new = f"{os.path.splitext(name)[0]}-{number}-{made}.txtar"
                    texts[new] = b"\n".join(changed) + files
                    lines[new] = number
        return texts, lines


def carried_out(run):
    """The lines whose command ran, once each."""
    lines = collections.OrderedDict()
    for event in run.events:
        if event["type"] == "command":
            lines[event["line"]] = lines.get(event["line"], 0) + 1
        elif event["type"] == "note" and event.get("text") == "[condition not met]":
            lines.pop(event.get("line"), None)
    return [line for line in lines]


def rows():
    """The rows of each dialect that pass, by their options."""
    for dialect in sorted(os.listdir(ROWS)):
        if not os.path.isdir(os.path.join(ROWS, dialect)) or dialect.startswith("_"):
            continue
        groups = collections.defaultdict(dict)
        for name in sorted(os.listdir(os.path.join(ROWS, dialect))):
            with open(os.path.join(ROWS, dialect, name), "rb") as file:
                text = file.read()
            expected = text.split(b"-- .expect --\n")[1].split(b"\n")[0]
            if expected == b"pass":
                options = re.match(rb"# options: (.*)\n", text)
                groups[tuple(options[1].decode().split()) if options else ()][name] = text
        for options, texts in groups.items():
            yield Source("rows of " + dialect, dialect, texts, options)


def suites(folder):
    """Those of others, where they are installed."""
    for package, commands in testscript.OWN.items():
        if package not in testscript.WITH_GO and os.path.isdir(peers.PACKAGE):
            bins = [word for name in commands for word in ("--bin", os.path.join(folder, "bin", name))]
            yield Source("go-internal/" + package, "testscript", read(f"{peers.PACKAGE}/{package}/testdata"), bins, "hostfs", peers.PATH)
    for title, place, program in testscript.PROGRAMS:
        if os.path.isdir(f"{testscript.GOCODE}/{place}") and shutil.which(program):
            yield Source(title, "testscript", read(f"{testscript.GOCODE}/{place}"), ["--command", program], "hostfs", peers.PATH)


def read(folder):
    texts = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith((".txt", ".txtar")):
            with open(os.path.join(folder, name), "rb") as file:
                texts[name] = file.read()
    return texts


def main(testctr, folder, least):
    os.makedirs(os.path.join(folder, "bin"), exist_ok=True)
    if peers.missing() is None:
        for name in ("txtar-c", "txtar-x"):
            peers.build("github.com/rogpeppe/go-internal/cmd/" + name, os.path.join(folder, "bin", name), folder)
    generated = {f"s{number}.txtar": scripts.script_of("altered", number) for number in range(GENERATED)}
    sources = [*rows(), *suites(folder), Source("generated", "testscript", generated, (), "hostfs", peers.PATH)]
    total, green, counts = 0, [], collections.Counter()
    for source in sources:
        texts, lines = source.altered(testctr, os.path.join(folder, "scripts"), 40)
        if not texts:
            continue
        counts[source.title] += len(texts)
        for name, run in source.run(testctr, os.path.join(folder, "scripts"), texts).items():
            total += 1
            if run.outcome != "fail" or run.line != lines[name]:
                line = texts[name].split(b"\n")[lines[name] - 1].decode(errors="replace")
                green.append(f"{source.title}/{name}:{lines[name]}: {line}: {run.outcome} in line {run.line} ({run.reason})")
    for title, count in counts.items():
        print(f"{count:6} {title}")
    for problem in green:
        print(f"wrong: {problem}")
    if total < least:
        green.append("too few")
        print(f"wrong: only {total} scripts were altered, not {least}")
    print(f"{max(0, total - len(green))} passed, {len(green)} failed, 0 skipped")
    return bool(green)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2000))
