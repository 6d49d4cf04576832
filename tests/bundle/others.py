"""What the tests of bundles under other people's tools share: the bundle, and that its report there is the one of here."""
import os
import subprocess
import sys
import time

from bundles import *

FAILS = """\
# greet
exec echo hello
exec cat $TREE/data
stdout 'the tree'
exec sh -c 'echo $GREETING; pwd; umask; echo $PATH | grep -c /bin; test -w $WORK && echo writable'
app
exec sh -c 'echo one; exit 3'
-- input --
x
"""
DOCUMENT = "# A case\n\n```scrut\n$ echo one\none\n```\n\n```scrut\n$ echo two; V=1\nthree\n```\n\n```scrut\n$ echo $V; cat $TREE/data\n1\nthe tree\n```\n"


def make_bundle():
    """The bundle's path, and the text of the run that is in it."""
    where = folder("tests", t__txt=FAILS, d__md=DOCUMENT, c__t="  $ echo fine\n  fine\n", data="the tree\n")
    write(f"{where}/app", "#!/bin/sh\necho app in $PWD\n", 0o755)
    done = testctr("pack", "builtin", "t.txt", "d.md", "c.t", "-v", "-j", "1", "-e", "GREETING=hello there", "--bin", "app", "-o", f"{TMP}/bug.tar", cwd=where)
    if not check("pack", done.code == 0, done):
        end()
    return f"{TMP}/bug.tar", done.out


def same_report(name, done, wanted, code=1):
    got = without_times(done.out)
    check(name, done.code == code and got == without_times(wanted), f"wanted\n{without_times(wanted)}\n{done}")


def replays_with(name, bundle, *options):
    done = testctr("replay", bundle, "-v", *options)
    check(name, done.code == 0 and "reproduced\n" in done.out and "t.txt:7" in done.out, done)
    return done


def under(name, run, wanted):
    """`run(words)` starts the bundle's image with these words behind it."""
    same_report(f"{name}: the same report, and its exit code", run("-v"), wanted)
    done = run("--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    check(f"{name}: --json on standard output", done.code == 1 and lines and all(isinstance(line, dict) for line in lines), done)
    done = run("--tap")
    check(f"{name}: --tap", done.code == 1 and done.out.startswith("TAP version 14"), done)


def confined(name, run):
    """`run(bundle)` runs a bundle there: programs have our filter, and no new privileges."""
    where = folder("confined", t__txt="exec grep NoNewPrivs:.1 /proc/self/status\nexec grep Seccomp:.2 /proc/self/status\n! exec mount -t tmpfs none /tmp\n")
    done = testctr("pack", "builtin", "t.txt", "-o", f"{TMP}/confined.tar", cwd=where)
    check(f"{name}: pack", done.code == 0 and "1 passed" in done.out, done)
    done = run(f"{TMP}/confined.tar")
    check(f"{name}: programs are confined", done.code == 0 and "1 passed" in done.out, done)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            print(f"skipped, because {program} is not installed")
            sys.exit(77)


def unmount_below(path):
    subprocess.run(["sh", "-c", f"awk '{{print $2}}' /proc/mounts | grep '^{path}' | sort -r | xargs -r umount -l"])
