"""What the tests of bundles share: tests that fail in a known way, packing, replaying, counting."""
import json
import os
import shutil
import subprocess
import sys

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]
ROOT = os.geteuid() == 0
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(name, good, shown=""):
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"FAIL: {name}\n{shown}", flush=True)
    return good


def skip(why):
    counts["skipped"] += 1
    print(f"skipped, because {why}")


def end():
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    sys.exit(1 if counts["failed"] else 0 if counts["passed"] else 77)


class Done:
    def __init__(self, command, **more):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110, **more)
        self.code, self.out, self.err = done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}---"


def testctr(*words, program=None, **more):
    return Done([program or TESTCTR, *words], **more)


def folder(name, **files):
    """A folder below the test's own, with these files: NAME__txt="..." is NAME.txt."""
    path = os.path.join(TMP, name)
    os.makedirs(path, exist_ok=True)
    for file, content in files.items():
        write(os.path.join(path, file.replace("__", ".")), content)
    return path


def write(path, content, mode=0o644):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb" if isinstance(content, bytes) else "w") as f:
        f.write(content)
    os.chmod(path, mode)
    return path


def content_of(done):
    """The digest that `pack` tells."""
    return done.err.rsplit("content ", 1)[-1].strip() if "content sha256:" in done.err else None


def inspect(bundle):
    return json.loads(testctr("bundle", "inspect", bundle).out)


def without_times(report):
    import re
    return re.sub(r"\d+(\.\d+)?m?s\b", "T", report)
