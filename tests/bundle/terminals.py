"""The program on a terminal, and somebody before it; and on pipes."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios

from bundles import TESTCTR, Done, check, end


class Terminal:
    """A program on a terminal of its own, and somebody before it."""

    def __init__(self, *words, rows=24, columns=80, program=None, command=None):
        self.ours, self.its = pty.openpty()
        self.resize(rows, columns)
        self.mode = termios.tcgetattr(self.its)
        self.seen, self.searched, self.program = "", 0, None

        def begin():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.program = subprocess.Popen(command or [program or TESTCTR, *words], stdin=self.its, stdout=self.its, stderr=self.its,
                                        preexec_fn=begin, env={**os.environ, "TERM": "vt100"})

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        ready, _, _ = select.select([self.ours], [], [], 60)
        if not ready:
            raise TimeoutError
        self.seen += os.read(self.ours, 65536).decode(errors="replace")

    def expect(self, pattern):
        """Waits for it, behind what was waited for before."""
        try:
            while True:
                found = re.compile(pattern).search(self.seen, self.searched)
                if found:
                    self.searched = found.end()
                    return found
                self.read()
        except (TimeoutError, OSError):
            check(f"{pattern!r} is seen", False, self.seen)
            self.program.kill()
            self.program.wait()
            end()

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """@return the exit code; all that it printed is in `seen`."""
        while self.program.poll() is None or select.select([self.ours], [], [], 0)[0]:
            if select.select([self.ours], [], [], 0.05)[0]:
                self.read()
        return self.program.returncode

    def restored(self):
        return termios.tcgetattr(self.its) == self.mode


def piped(text, *words, program=None):
    done = subprocess.run([program or TESTCTR, *words], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110)
    result = Done(["true"])
    result.code, result.out, result.err = done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return result
