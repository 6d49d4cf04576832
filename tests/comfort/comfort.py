"""What the tests of this group have in common: counting, a terminal with somebody before it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

TESTCTR = os.environ["TESTCTR"]
counts = {"passed": 0, "failed": 0, "skipped": 0}
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][A-Z0-9]?|\x1b\][^\a]*\a")


def check(holds, what, *shown):
    counts["passed" if holds else "failed"] += 1
    if not holds:
        print("wrong:", what)
        for each in shown:
            print("   ", each)
    return holds


def skip(why):
    counts["skipped"] += 1
    print("skipped, because", why)


def need_containers():
    if os.geteuid() != 0 and subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True).returncode != 0:
        print("skipped, because this user may not make user namespaces here")
        sys.exit(77)


def finish():
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    sys.exit(1 if counts["failed"] else 0)


def write(name, text):
    folder = os.path.dirname(name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def clean(**environment):
    """The environment without what decides about colours, and with these."""
    out = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM", "CI")}
    out.update({k: v for k, v in environment.items() if v is not None})
    return out


def run(*words, **environment):
    """Runs the program on pipes. Returns its exit code, stdout and stderr as text."""
    done = subprocess.run([TESTCTR, *words], stdin=subprocess.DEVNULL, capture_output=True, env=clean(**environment))
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Terminal:
    """A program on a terminal of its own, and somebody before it."""

    def __init__(self, *command, rows=24, columns=80, **environment):
        self.ours, self.its = pty.openpty()
        self.resize(rows, columns)
        self.mode = termios.tcgetattr(self.its)
        self.seen, self.searched = "", 0

        def begin():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.program = subprocess.Popen(command, stdin=self.its, stdout=self.its, stderr=self.its, preexec_fn=begin,
                                        env=clean(TERM="xterm", **environment))

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds=60):
        """@return whether something came"""
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if not ready:
            return False
        self.seen += os.read(self.ours, 65536).decode(errors="replace")
        return True

    def expect(self, pattern, seconds=60):
        """Waits for it, behind what was waited for before. @return the match, or None"""
        end = time.monotonic() + seconds
        while True:
            found = re.compile(pattern).search(self.seen, self.searched)
            if found:
                self.searched = found.end()
                return found
            if time.monotonic() > end or not self.read(max(0.1, end - time.monotonic())):
                return None

    def type(self, text):
        os.write(self.ours, text.encode())

    def wait(self, seconds=60):
        """To the program's end. @return its exit code"""
        end = time.monotonic() + seconds
        while self.program.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0.05):
            pass
        if self.program.poll() is None:
            self.program.kill()
        return self.program.wait()

    def same_mode(self):
        """Whether the terminal is as it was."""
        return termios.tcgetattr(self.its) == self.mode

    def close(self):
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        os.close(self.ours)
        os.close(self.its)
