"""Thousands of generated scripts by go-internal's testscript and by `run --dialect testscript`: the same verdict, the same line, the same message, and the
same log before it. What differs belongs to one of the classes below, each with its reason, or is a failure of this test.

testscript_differential.py TESTCTR FOLDER COUNT SEED
"""

import collections
import os
import re
import sys

import testscript_peers as peers
import testscript_scripts as scripts

HEAD = "the newest testscript, not 1.9.0: "
# By name: why it is otherwise here.
CLASSES = {
    "cmp of a file and itself": HEAD + "it is an error",
    "did you mean": HEAD + "an unknown command is followed by those that are near",
    "background at the end": HEAD + "what still runs when the script is over is stopped, and its status counts no more",
    "nameless file": "`-- --`, of which 1.9.0 dies, is an error with its place",
    "lone background name": "`exec &name&`, of which 1.9.0 dies, is a wrong call",
    "files in the way": "a script whose files cannot be written is an error (exit code 2) at the file's own line, not a failure of line 0",
    "path of $WORK": "a pattern that looks at the path of $WORK itself, which is another one there",
    "$WORK is a mount": "in a container $WORK is the root of a mount, and the kernel says so when it is renamed",
    "nameless variable": "`env =x` is refused: no program could be given it",
}


def explanation(text, their, our):
    """The class that a difference belongs to, or nothing."""
    if their["outcome"] == "panic":
        if re.search(r"^-- --\r?$", text, re.M) and our.outcome == "error" and "a file marker without a name" in our.reason:
            return "nameless file"
        if "slice bounds" in their["reason"] and our.reason.startswith("usage: exec"):
            return "lone background name"
        return None
    if our.outcome == "fail" and our.reason.startswith("cannot compare a file against itself"):
        return "cmp of a file and itself"
    if our.outcome == "fail" and their["line"] == our.line and re.sub(r" \(did you mean .*\?\)$", "", our.reason) == their["reason"]:
        return "did you mean"
    if our.outcome == "pass" and their["outcome"] == "fail" and their["reason"] in ("unexpected command failure", "unexpected command success") and at_the_end(their, our):
        return "background at the end"
    if our.outcome == "error" and their["outcome"] == "fail" and their["line"] == 0 and re.match(r"s\d+\.txtar:\d+:4: ", our.reason):
        return "files in the way"
    if all(map(looked_at_work, first_to_fail(their, vars(our)))):
        return "path of $WORK"
    if their["line"] == our.line and our.reason.startswith("rename $WORK $WORK/") and our.reason.endswith("invalid cross-device link"):
        return "$WORK is a mount"
    if our.outcome == "fail" and our.reason == "a variable without a name":
        return "nameless variable"
    return None


def at_the_end(their, our):
    """Whether a failure is that of a background command after the last line that was carried out: the log ends with it, and that line waits for nothing."""
    last = re.findall(r"(?m)^> (.*)$", their["log"])
    ends = re.search(r"\n\[background\] [^\n]*\n(?:(?!\n> )[\s\S])*FAIL: ", their["log"])
    waits = bool(last) and re.match(r"(\S+\] )*(wait|skip)\b", last[-1]) and not our.log.endswith("[condition not met]\n")
    return bool(last) and ends is not None and not waits


def first_to_fail(*ends):
    """The sides that fail in the line that comes first."""
    failed = [end for end in ends if end["outcome"] == "fail"]
    return [end for end in failed if end["line"] == min(other["line"] for other in failed)] or ends


def looked_at_work(end):
    """Whether the line that failed is a pattern's, and what it looked at may hold $WORK."""
    if end["outcome"] != "fail" or not re.match(r"(no match for|unexpected match for|have \d+ matches for) ", end["reason"]):
        return False
    printed = re.sub(r"(?m)^(> |\$WORK).*$", "", end["log"])
    return re.search(r"\$WORK|/work\b|go-test-script", printed) is not None


class Compared:
    """A script's end on both sides, with what must differ taken out."""

    def __init__(self, scratch):
        self.scratch = re.compile(re.escape(scratch) + r"/go-test-script\d+")

    def theirs(self, text):
        """The folder of all scripts, beside which $WORK lies there, is the root here."""
        text = self.scratch.sub(lambda found: "/" if not text[found.end():].startswith("/") else "", text)
        return text

    def log(self, text):
        """What both print before the line that decides, in the same words."""
        text = re.sub(r"(?m)(#.*) \(\d+\.\d{3}s\)$", r"\1", text).replace("[condition not met]\n", "")
        text = re.sub(r"\r+\n", "\n", text)
        text = re.sub(r"/work(?=[/\s:;>'\"]|$)", "$WORK", text)
        # Why a program did not start is told in more words; variables are told in their own order.
        text = re.sub(r"(?m)^\[(?!stdout\]|stderr\]|background\]|exit status|signal:).*\]$", "[did not start]", text)
        text = re.sub(r"(?m)(> (?:\S+ )*env\s*(?:#.*)?\n)(?:(?!> |#).*\n)*", r"\1", text)
        text = re.sub(r"(?m)# *|[ \t]+$", lambda found: found.group().strip(), text)
        # Up to the last line that was carried out.
        at = ("\n" + text).rfind("\n> ")
        return text[:text.find("\n", at) + 1] if at >= 0 else ""


def difference(compared, their, our):
    reason = compared.theirs(their["reason"])
    if their["outcome"] != our.outcome:
        return f"{their['outcome']}:{their['line']} {reason!r} there, {our.outcome}:{our.line} {our.reason!r} here"
    if our.outcome != "fail":
        return None
    if their["line"] != our.line:
        return f"line {their['line']} {reason!r} there, {our.line} {our.reason!r} here"
    if reason != re.sub(r"/work\b", "$WORK", our.reason):
        return f"message {reason!r} there, {our.reason!r} here"
    return None


def log_difference(compared, their, our):
    """The first line of the logs that is not the same."""
    left = compared.log(compared.theirs(peers.strip_verbose(their["log"]))).split("\n")
    right = compared.log(our.log).split("\n")
    for one, other in zip(left, right):
        if one != other:
            return f"log {one!r} there, {other!r} here"
    return None if len(left) == len(right) else f"log of {len(left)} lines there, {len(right)} here: {(left + right)[min(len(left), len(right)):][:1]!r}"


def main(testctr, folder, count, seed):
    why = peers.missing()
    if why:
        print(f"skipped, because {why}")
        return peers.SKIPPED
    reference = peers.build_reference(os.environ.get("TESTCTR_BUILD", folder))
    place, scratch = os.path.join(folder, "scripts"), os.path.join(folder, "scratch")
    os.makedirs(place)
    texts = {}
    for number in range(count):
        texts[f"s{number}.txtar"] = scripts.script_of(seed, number)
    for name, text in texts.items():
        with open(os.path.join(place, name), "wb") as file:
            file.write(text)
    theirs = peers.run_reference(reference, place, scratch, ["-verbose"])
    ours = peers.run_ours(testctr, place, list(texts))
    compared, classes, unexplained, verdicts = Compared(scratch), collections.Counter(), [], collections.Counter()
    for name, text in texts.items():
        their, our = theirs[name[:-6]], ours.get(name, peers.Run())
        verdicts[their["outcome"]] += 1
        problem = difference(compared, their, our)
        if problem:
            known = explanation(text.decode(errors="replace"), their, our)
            if known:
                classes[known] += 1
            else:
                unexplained.append(f"{name}: {problem}")
            continue
        # A quote that does not end is found there before the line is told.
        problem = our.outcome in ("pass", "fail") and our.reason != "unterminated quoted argument" and log_difference(compared, their, our)
        if problem:
            unexplained.append(f"{name}: {problem}")
    for problem in unexplained[:200]:
        print(f"wrong: {problem[:600]}")
    print(f"{count} scripts (seed {seed}); there: " + ", ".join(f"{number} {outcome}" for outcome, number in verdicts.most_common()))
    for name, reason in CLASSES.items():
        print(f"{classes[name]:6} {name}: {reason}")
    print(f"{count - len(unexplained)} passed, {len(unexplained)} failed, 0 skipped")
    return len(unexplained) > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
