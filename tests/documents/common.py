"""For the tests of documents: they write one, run it, and look at how each of its cases ended."""

import json
import os
import subprocess
import sys
import time

PROGRAM = os.environ.get("TESTCTR", "testctr-script")
SCRATCH = os.environ.get("TESTCTR_TEST_TMP", os.getcwd())
counts = {"passed": 0, "failed": 0, "skipped": 0}


class Run:
    """One run of the program: its exit code, its events, and what came of each case."""

    def __init__(self, document, options, image, name):
        self.document = document
        with open(name, "wb") as file:
            file.write(document)
        started = time.monotonic()
        self.process = subprocess.run([PROGRAM, "run", "--json", *options, image, name], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
        self.seconds = time.monotonic() - started
        self.code = self.process.returncode
        self.events = [json.loads(line) for line in self.process.stdout.splitlines()]
        self.cases = [event for event in self.events if event.get("type") == "case_ended"]
        self.outcomes = [event["outcome"] for event in self.cases]
        self.failures = [event for event in self.events if event.get("type") == "failure"]
        self.log = "\n".join(str(event.get("text", "")) for event in self.events if event.get("type") == "log")

    def said(self):
        """All that it printed, for people and for searching."""
        return (self.process.stdout + self.process.stderr).decode("utf-8", "replace")

    def output(self, line=None):
        """What cases printed (the case of one line only)."""
        return "".join(str(event.get("data", "")) for event in self.events
                       if event.get("type") == "output" and line in (None, event.get("line")))


def block(text):
    """A case as a fenced block; a tuple is (configuration, text)."""
    config, body = text if isinstance(text, tuple) else ("", text)
    return "```scrut %s\n%s\n```\n\n" % (config and "{%s}" % config, body)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def markdown(*cases, front=""):
    head = "---\n%s\n---\n\n" % front if front else ""
    return as_bytes(head) + b"".join(as_bytes(case) if isinstance(case, bytes) else as_bytes(block(case)) for case in cases)


def cram(*cases):
    """Each case is its lines without the indentation."""
    return b"\n".join(b"".join(b"  " + line + b"\n" for line in as_bytes(case).split(b"\n")) for case in cases)


def run(document, *options, image="builtin", name="t.md"):
    return Run(document, options, image, name)


def check(what, condition, result=None, why=""):
    if condition:
        counts["passed"] += 1
        return True
    counts["failed"] += 1
    print("wrong: %s%s" % (what, why and ": " + why))
    if result is not None:
        print("  exit code %s, cases %s, %.2f s" % (result.code, result.outcomes, result.seconds))
        print("  " + "\n  ".join(result.document.decode("utf-8", "replace")[:1500].split("\n")))
        for event in result.events:
            if event.get("type") in ("failure", "log", "script_ended", "case_ended"):
                print("  " + json.dumps(event)[:1000])
        print("  " + result.process.stderr.decode("utf-8", "replace")[:1000])
    return False


def ends(what, outcomes, document, *options, says=(), never=(), within=None, **how):
    """The document's cases end so ("pass fail"), the exit code fits, and `says` is in what was printed."""
    result = run(document, *options, **how)
    wanted = outcomes.split()
    bad = any(outcome in ("fail", "error", "not_run") for outcome in wanted)
    check(what, result.outcomes == wanted and (result.code != 0) == bad, result, "wanted " + outcomes)
    for text in [says] if isinstance(says, str) else says:
        check(what, text in result.said(), result, "not said: " + text)
    for text in [never] if isinstance(never, str) else never:
        check(what, text not in result.said(), result, "said: " + text)
    if within is not None:
        check(what, result.seconds <= within, result, "%.2f s, at most %s" % (result.seconds, within))
    return result


def passes(what, *cases, front="", **how):
    """A Markdown document of these cases passes, each of them."""
    return ends(what, " ".join(["pass"] * len(cases)), markdown(*cases, front=front), **how)


def skip(why):
    print("skipped, because " + why)
    counts["skipped"] += 1


def need_containers():
    if os.getuid() == 0:
        return
    if subprocess.run(["unshare", "--user", "--map-root-user", "true"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped, because this user may not make user namespaces here")
        sys.exit(77)


def has_id_mapping():
    """False for root on an old kernel: then what is the user's cannot be mounted."""
    said = subprocess.run([PROGRAM, "doctor"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return b"root without id-mapped mounts" not in said


def finish():
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    sys.exit(1 if counts["failed"] else 0)
