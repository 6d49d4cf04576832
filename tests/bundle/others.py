"""What the tests of bundles under other people's tools share: the bundle, and that its report there is the one of here."""
import os
import re
import signal
import subprocess
import sys
import tempfile
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
OF_ENGINE = re.compile("their scratch space has no bound of its own|keeps no limit of|^  engine: recorded")
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
    """With the verdict, the failing line and the report of a replay in native containers, but for times and what an engine has not."""
    done = testctr("replay", bundle, "-v", *options)
    check(name, done.code == 0 and "reproduced\n" in done.out and "t.txt:7" in done.out, done)
    told = [without_times("".join(line for line in one.out.splitlines(True) if not OF_ENGINE.search(line)))
            for one in (testctr("replay", bundle, "-v", "--engine", "native"), done)]
    check(f"{name}: the report of native containers", told[0] == told[1], f"wanted\n{told[0]}\n{done}")
    return done


def shell_with(engine):
    """`replay --shell` and `bundle shell` with an engine: the shell is where the line failed, before the first one."""
    where = folder("with-shell", t__txt="mkdir sub\ncd sub\ncp $TREE/data there\nenv COLOUR=green\nexec false\n", data="the tree\n")
    done = testctr("pack", "builtin", "t.txt", "-o", f"{TMP}/shell.tar", cwd=where)
    check(f"{engine}: pack", done.code == 0, done)
    for command, wanted in ((["replay", "--shell"], "\n/work/sub the tree green\n"), (["bundle", "shell"], "/work\n")):
        done = subprocess.run([TESTCTR, *command, f"{TMP}/shell.tar", "--engine", engine], input=b"echo $PWD $(cat there 2>&-) $COLOUR; exit 5\n",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110)
        told = done.stdout.decode(errors="replace")
        check(f"{' '.join(command)} --engine {engine}", done.returncode == 0 and wanted in told and ("reproduced\n" in told) == (command[0] == "replay"), done)


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


def podman_cases():
    """Those of Podman's engine of whoever runs this, root or not."""
    need("podman", "runc")
    runtime = os.environ["XDG_RUNTIME_DIR"] = folder("runtime")
    os.chmod(runtime, 0o700)
    # Where the usual limits are more than this process may have.
    os.environ["CONTAINERS_CONF"] = write(f"{TMP}/containers.conf", '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
                                          '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n')
    short = tempfile.mkdtemp(prefix="p-")  # podman wants a name of no more than 50 characters there
    podman = ["podman", "--root", f"{TMP}/root", "--runroot", f"{short}/r", "--storage-driver", "vfs"]
    bundle, wanted = make_bundle()
    try:
        usual = [*podman, "run", "--rm", "--network", "none"]
        probe = Done([*usual, "--entrypoint", "/bin/true", f"oci-archive:{bundle}"])
        if probe.code != 0:
            print(probe)
            print("skipped, because podman cannot run a container here")
            sys.exit(77)
        under("podman run oci-archive:FILE", lambda *words: Done([*usual, f"oci-archive:{bundle}", *words]), wanted)
        confined("podman run oci-archive:FILE", lambda path: Done([*usual, f"oci-archive:{path}"]))
        done = Done([*podman, "load", "-i", bundle])
        check("podman load", done.code == 0 and "localhost/bug" in done.out, done)
        under("podman load && podman run", lambda *words: Done([*usual, "localhost/bug", *words]), wanted)
        with_podman_service(podman, lambda: (replays_with("replay --engine podman", bundle, "--engine", "podman"), shell_with("podman")))
    finally:
        if os.geteuid() == 0:
            unmount_below(TMP)
            unmount_below(short)
        else:
            # What containers have written belongs to ids that are his only there.
            subprocess.run([*podman, "unshare", "rm", "-rf", f"{TMP}/root", f"{short}/r"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # And what holds his namespaces outlives everything else.
            pause = f"{runtime}/libpod/tmp/pause.pid"
            if os.path.exists(pause):
                with open(pause) as f:
                    os.kill(int(f.read()), signal.SIGKILL)
        shutil.rmtree(short, ignore_errors=True)
    end()


def with_podman_service(podman, work):
    """Podman's engine, as CONTAINER_HOST has it, as long as this takes."""
    path = f"{TMP}/p.sock"
    service = subprocess.Popen([*podman, "system", "service", "--time=0", f"unix://{path}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    os.environ["CONTAINER_HOST"] = f"unix://{path}"
    for _ in range(300):
        if os.path.exists(path) or service.poll() is not None:
            break
        time.sleep(0.1)
    try:
        work()
    finally:
        service.terminate()
        service.wait(60)
