"""Runs the same scripts by go-internal's testscript (Debian's 1.9.0, built here) and by `run --dialect testscript`."""

import base64
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "/usr/share/gocode/src/github.com/rogpeppe/go-internal"
SKIPPED = 77
PATH = "/usr/local/bin:/usr/bin:/bin"


def go_environment(folder):
    return {"PATH": os.environ["PATH"], "HOME": folder, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": os.path.join(folder, "gocache"), "GOFLAGS": "", "GOPROXY": "off"}


def missing():
    """Why the reference cannot be built here, or nothing."""
    if not os.path.isdir(PACKAGE):
        return "golang-github-rogpeppe-go-internal-dev is not installed"
    if not os.path.isdir("/usr/share/gocode/src/github.com/pkg/diff"):
        return "golang-github-pkg-diff-dev is not installed"
    if subprocess.run(["sh", "-c", "command -v go"], capture_output=True).returncode != 0:
        return "golang-go is not installed"
    return None


def build(source, target, folder):
    """A Go program of the package, or of ours that uses it."""
    subprocess.run(["go", "build", "-o", target, source], check=True, cwd="/", env=go_environment(folder))


def build_reference(build_folder):
    """reference/main.go, kept beside the build. @return its path"""
    target = os.path.join(build_folder, "conformance", "reference")
    source = os.path.join(HERE, "reference", "main.go")
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        build(source, target, os.path.dirname(target))
    return target


# Scripts name files of this machine, too, and may run as root: all that is mounted becomes read-only for them, but for a folder in memory.
CONFINE = """
points=$(cut -d' ' -f2 /proc/self/mounts)
for point in $points; do mount -o remount,bind,ro "$point" 2>/dev/null; done
if [ "$1" = root ] && [ -w / ]; then echo "the reference is not run: / could not be made read-only for it" >&2; exit 9; fi
mount -t tmpfs none "$2" && cd "$2" && shift 2 && exec "$@"
"""


def confined(scratch, command):
    root = os.getuid() == 0
    return ["unshare", "--mount", *([] if root else ["--map-root-user"]), "sh", "-c", CONFINE, "sh", "root" if root else "user", scratch, *command]


def run_reference(reference, folder, scratch, options=(), path=PATH, environment=None):
    """Every script of `folder`. @return by name: outcome, line, reason, log"""
    os.makedirs(scratch, exist_ok=True)
    done = subprocess.run(confined(scratch, [reference, *options, folder]), capture_output=True, stdin=subprocess.DEVNULL,
                          env={"PATH": path, "TMPDIR": scratch, "HOME": scratch, **(environment or {})})
    if done.returncode != 0:
        raise SystemExit(f"the reference ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return {verdict["name"]: verdict for verdict in map(json.loads, done.stdout.decode().splitlines())}


def text(event, key):
    """A field that is bytes: what is no UTF-8 comes as base64, and is shown as the reference's JSON shows it."""
    value = event.get(key, "")
    return base64.b64decode(value["base64"]).decode(errors="replace") if isinstance(value, dict) else value


class Run:
    """What became of one script here, told as the reference's log tells it."""

    def __init__(self):
        self.outcome, self.line, self.reason, self.hint, self.log, self.stream, self.events = "lost", 0, "", "", "", None, []

    def take(self, event):
        kind = event["type"]
        self.events.append(event)
        if kind == "output":
            if self.stream != event["stream"] or not self.log:
                self.log += f"[{event['stream']}]\n"
            self.stream = event["stream"]
            self.log += text(event, "data")
            return
        self.stream = None
        if kind == "command":
            self.log += "> " + text(event, "text") + "\n"
        elif kind == "phase":
            self.log += "# " + text(event, "title") + text(event, "text") + "\n"
        elif kind == "note":
            self.log += text(event, "text") + "\n"
        elif kind == "failure" and self.outcome == "lost":
            self.outcome, self.line, self.reason, self.hint = "fail", event["line"], text(event, "reason"), event.get("hint", "")
            self.log += "FAILURE\n"
        elif kind == "script_ended":
            self.outcome = event["outcome"]
            if self.outcome == "error":
                self.reason = event.get("reason", "")


def run_ours(testctr, folder, names, image="hostfs", options=(), path=PATH, dialect="testscript", jobs=2):
    """The scripts of `folder`, in as few runs as their names fit in. @return by name: a Run"""
    runs, known = {}, {}
    for begin in range(0, len(names), 1000):
        some = names[begin:begin + 1000]
        done = subprocess.run([testctr, "run", "--dialect", dialect, "--json", "-j", str(jobs), *(["--env", "PATH=" + path] if path else []), *options, image, *some], cwd=folder, capture_output=True,
                              stdin=subprocess.DEVNULL)
        known = {}
        for line in done.stdout.splitlines():
            event = json.loads(line)
            if event["type"] == "script_started":
                known[event["script"]] = event["name"]
                runs[event["name"]] = Run()
            if "script" in event:
                runs[known[event["script"]]].take(event)
        if not known:
            raise SystemExit(f"nothing ran: {done.stderr.decode(errors='replace')[-2000:]}")
    return runs


def strip_verbose(log):
    """A verbose log without what stands before the first line of the script: the environment."""
    return log[log.find("\n\n") + 2:]


def same_log(log):
    """A log with what must differ taken out: times, carriage returns at line ends."""
    log = re.sub(r"(?m)^(#.*) \(\d+\.\d+s\)$", r"\1", log)
    return log.replace("\r\n", "\n")
