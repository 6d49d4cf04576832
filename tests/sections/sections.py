"""What the tests of sections share: scripts run from a text, what the report must say, an image with a `go` that is none."""
import io
import json
import os
import subprocess
import tarfile

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]
HERE = os.path.dirname(os.path.abspath(__file__))
UNSHARED = "root has no id-mapped mounts here, and without them places cannot share $WORK"


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, good, what, more=""):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print("wrong:", what, flush=True)
        if more:
            print(more, flush=True)

    def skip(self, what):
        self.skipped += 1
        print(f"skipped, because {UNSHARED}: {what}", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        raise SystemExit(1 if self.failed else 0)


tally = Tally()


def call(*arguments, env=None, **more):
    more.setdefault("timeout", 100)
    return subprocess.run([TESTCTR, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env={**os.environ, **(env or {})}, **more)


def shares_folders():
    """False for root on an old kernel: then no container can have a part in $WORK."""
    return "root without id-mapped mounts" not in call("doctor").stdout


def need_shared_folders():
    if not shares_folders():
        print(f"skipped, because {UNSHARED}")
        raise SystemExit(77)


def run(text, *options, name="t.txt", image=(), env=None):
    """Runs a script given as its text."""
    with open(os.path.join(TMP, name), "w") as f:
        f.write(text)
    return call("run", *options, *image, name, env=env, cwd=TMP)


def case(what, code, text, *says, options=(), never=(), image=(), env=None):
    """The run of a script ends with `code`, and its report says and never says something. Returns the report."""
    done = run(text, *options, image=image, env=env)
    tally.check(done.returncode == code, f"{what}: exit {done.returncode}, not {code}", done.stdout)
    for one in says:
        tally.check(one in done.stdout, f"{what}: the report does not say: {one}", done.stdout)
    for one in never:
        tally.check(one not in done.stdout, f"{what}: the report says: {one}", done.stdout)
    return done.stdout


def fake_go():
    """Loads golang:latest: the embedded image, and a `go` that prints a version."""
    layers = json.loads(call("image", "inspect", "builtin").stdout)["layers"]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def plain(info):
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            return info
        tar.add(layers[0], arcname=".", filter=plain)
        data = b"#!/bin/sh\necho go version go1.99 linux/amd64\n"
        go = tarfile.TarInfo("bin/go")
        go.size, go.mode = len(data), 0o755
        tar.addfile(go, io.BytesIO(data))
    import sys
    sys.path.insert(0, os.path.join(HERE, "..", "image"))
    from common import layout
    layout(os.path.join(TMP, "golang"), [out.getvalue()], config={"Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]})
    done = call("image", "load", "--tag", "golang:latest", "oci:" + os.path.join(TMP, "golang"))
    if done.returncode != 0:
        print(done.stdout)
        raise SystemExit("the image cannot be loaded")
