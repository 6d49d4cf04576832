"""What the tests of reports have in common: a run that has every outcome there is, counted checks."""

import os
import shutil
import subprocess
import sys

TESTCTR = os.environ["TESTCTR"]
SOURCE = os.environ["TESTCTR_SOURCE"]
HERE = os.path.dirname(os.path.abspath(__file__))
counts = {"passed": 0, "failed": 0, "skipped": 0}

# The manifest's name of each test, and how it ends. Those that are tried again know by a file on the host which attempt it is.
OUTCOMES = {"good": "pass", "bad script": "fail", "bad document": "fail", "broken": "error", "skipped": "skip", "sometimes": "flaky",
            "sometimes a document": "flaky", "never": "fail", "never a document": "fail", "known": "xfail", "known document": "xfail",
            "mended": "xpass"}

FILES = {
    "good.txt": "# prepare\nexec echo hello\nstdout hello\n",
    "bad.txt": "# look\nexec sh -c 'echo two; echo three >&2; touch \"/root/<b>x\"'\ncmp stdout want\n-- want --\none\n",
    "bad.md": "Goes well\n\n```scrut\n$ echo good\ngood\n```\n\nGoes <wrong>\n\n```scrut\n$ echo two\nthree\n```\n",
    "broken.txt": "exec echo 'unterminated\n",
    "skipped.txt": "skip 'because #1 says so'\n",
    # Fails at first, then passes; the attempt is kept in the folder mounted at /state.
    "sometimes.txt": "exec sh -c 'echo attempt >>/state/script; wc -l </state/script'\n! stdout '^1$'\n",
    "sometimes.md": "Steady\n\n```scrut\n$ true\n```\n\nSometimes\n\n```scrut\n$ echo attempt >>/state/document; wc -l </state/document\n2\n```\n",
    "never.txt": "exec sh -c 'echo again and again'\nstdout never\n",
    "never.md": "Never\n\n```scrut\n$ echo again\nnever\n```\n",
    "known.txt": "exec sh -c 'exit 3'\n",
    "known.md": "Known\n\n```scrut\n$ echo a\nb\n```\n",
    "mended.txt": "exec true\n",
}

MANIFEST = """version: 1
image: builtin
tree: s
tests:
  - {name: good, script: s/good.txt}
  - {name: bad script, script: s/bad.txt}
  - {name: bad document, script: s/bad.md}
  - {name: broken, script: s/broken.txt}
  - {name: skipped, script: s/skipped.txt}
  - {name: sometimes, script: s/sometimes.txt, retries: 2, mounts: [./state:/state]}
  - {name: sometimes a document, script: s/sometimes.md, retries: 2, mounts: [./state:/state]}
  - {name: never, script: s/never.txt, retries: 1}
  - {name: never a document, script: s/never.md, retries: 1}
  - {name: known, script: s/known.txt, xfail: "issue #12 | not mended"}
  - {name: known document, script: s/known.md, xfail: a document}
  - {name: mended, script: s/mended.txt, xfail: it was broken}
"""


def check(holds, what, *shown):
    """Counts a check, and says what was wrong."""
    if holds:
        counts["passed"] += 1
        return True
    counts["failed"] += 1
    print("wrong:", what)
    for each in shown:
        print("   ", each if isinstance(each, (str, bytes)) and len(each) < 4000 else repr(each)[:4000])
    return False


def skip(why):
    """Leaves a case out."""
    counts["skipped"] += 1
    print("skipped, because", why)


def finish():
    """Ends the test program."""
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(counts["failed"] != 0)


def write_files():
    """The fixture in the working directory."""
    os.makedirs("s", exist_ok=True)
    for name, content in {**{"s/" + name: content for name, content in FILES.items()}, "testctr.yaml": MANIFEST}.items():
        with open(name, "w") as file:
            file.write(content)
    # Beside the test tree, which must not change.
    shutil.rmtree("state", ignore_errors=True)
    os.mkdir("state")
    os.chmod("state", 0o777)


def run(*arguments, **environment):
    """The program with these arguments."""
    return subprocess.run([TESTCTR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, **environment})


def run_all(*arguments, code=1, **environment):
    """A run with every outcome."""
    write_files()
    done = run("run", "-j", "2", *arguments, **environment)
    check(done.returncode == code, f"exit {done.returncode}, not {code}", done.stdout, done.stderr)
    return done


def needs_containers():
    """Ends the program where none can be made, or where no folder can be mounted in them."""
    if os.geteuid() != 0 and subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True).returncode != 0:
        print("skipped, because this user may not make user namespaces here")
        sys.exit(77)
    if b"root without id-mapped mounts" in subprocess.run([TESTCTR, "doctor"], capture_output=True).stdout:
        print("skipped, because root has no id-mapped mounts here, and without them no folder is mounted in a container")
        sys.exit(77)


def has_command(name):
    """Whether there is such a program."""
    return shutil.which(name) is not None
