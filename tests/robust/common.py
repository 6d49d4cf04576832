"""What the tests of sudden death share: whether anything of a run is left on the machine."""
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import tarfile
import time

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]


def processes():
    """Every live process: its number, its parent's, its name (a clone keeps it) and its command line."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
            with open(f"/proc/{pid}/stat", "rb") as f:
                name, rest = f.read().split(b"(", 1)[1].rsplit(b")", 1)
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if state not in (b"Z", b"X") and int(pid) != os.getpid():
            found[int(pid)] = (int(parent), name, line)
    return found


def is_container(line):
    """Whether a command line is that of PID 1 of a container."""
    return line.startswith(b"testctr-script\0init\0")


def containers_of(runner):
    """The containers that a living runner has."""
    return [pid for pid, (parent, _, line) in processes().items() if parent == runner and is_container(line)]


def processes_with(token):
    """Live processes whose command line holds `token`, and every container whose runner is gone: PID 1 of a container is a clone of
    the runner, but does not show its command line. It keeps the name, by which a parent is known as a runner."""
    every = processes()
    found = []
    for pid, (parent, name, line) in every.items():
        orphan = is_container(line) and (parent not in every or every[parent][1] != name)
        if token.encode() in line or orphan:
            found.append((pid, line.replace(b"\0", b" ").decode(errors="replace")))
    return found


def mounts():
    """The mounts of this machine that could be ours; other programs mount and unmount theirs meanwhile."""
    ours = (TMP, os.environ["TESTCTR_HOME"], "testctr")
    with open("/proc/self/mountinfo") as f:
        return sorted(line for line in f if any(word in line for word in ours))


def cgroups():
    """Our control groups, wherever a hierarchy is mounted."""
    found = set()
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        found.update(os.path.join(root, folder) for folder in folders if "testctr" in folder)
        folders[:] = [folder for folder in folders if not os.path.islink(os.path.join(root, folder))]
    return found


def wait_gone(token, seconds=5.0):
    """Waits for the last process with `token` to go. Returns what is still there at the end."""
    end = time.monotonic() + seconds
    while True:
        left = processes_with(token)
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)


def run(*arguments, **options):
    return subprocess.run([TESTCTR, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=100, **options)


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs/sha256", digest), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def layout(path, files):
    """A layout of two gzip layers with `files` small files each."""
    os.makedirs(os.path.join(path, "blobs/sha256"))
    layers, diffs = [], []
    for number in range(2):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            folder = tarfile.TarInfo(f"layer{number}")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
            for i in range(files):
                data = random.Random(i).randbytes(2000)
                info = tarfile.TarInfo(f"layer{number}/f{i}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        diffs.append("sha256:" + hashlib.sha256(raw.getvalue()).hexdigest())
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(path, gzip.compress(raw.getvalue(), 1))})
    config = blob(path, json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}).encode())
    manifest = blob(path, json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                                      "layers": layers}).encode())
    with open(os.path.join(path, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
                                                       "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}, f)
    with open(os.path.join(path, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL:", what, flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, 0 skipped")
        raise SystemExit(1 if self.failed else 0)
