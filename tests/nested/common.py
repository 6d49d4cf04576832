"""What the tests inside other engines' containers share: an image with our binary and a script in it, and what a run in it must say."""
import io
import os
import re
import subprocess
import tarfile

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]

SCRIPT = b"exec sh -c 'echo inside; id -u'\nstdout inside\nexec grep NoNewPrivs:.*1 /proc/self/status\nexists f\n-- f --\nx\n"


# Without /proc, which a chroot has not.
PLAIN = b"exec sh -c 'echo inside; id -u'\nstdout inside\nexec sh -c 'echo x >/dev/null'\nexists f\n-- f --\nx\n"
FAILS = b"exec true\nexec sh -c 'echo out; exit 7'\nexec true\n"
MARKDOWN = b"# one\n\n```scrut\n$ echo $((1 + 1))\n2\n```\n\n# two\n\n```scrut\n$ echo a\nb\n```\n"
CRAM = b"  $ echo one\n  one\n  $ sh -c 'exit 3'\n  [3]\n  $ echo two\n  three\n"
FILES = {"t.txt": SCRIPT, "plain.txt": PLAIN, "fails.txt": FAILS, "doc.md": MARKDOWN, "doc.t": CRAM, "escape.txt": b"exec escape 1\n"}


def files_for_runs(folder):
    """The same files as the image has in /t."""
    os.mkdir(folder)
    for name, data in FILES.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def image_tar(path):
    """A root file system with busybox, our binary and a script, as a plain tar."""
    with tarfile.open(path, "w") as tar:
        def add(name, data=None, kind=tarfile.REGTYPE, mode=0o755, link=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data or b"")
            tar.addfile(info, io.BytesIO(data or b""))
        for folder in ("bin", "tmp", "etc", "proc", "sys", "dev", "root", "var", "var/tmp", "t"):
            add(folder, kind=tarfile.DIRTYPE, mode=0o1777 if folder.endswith("tmp") else 0o755)
        with open("/bin/busybox", "rb") as f:
            add("bin/busybox", f.read())
        for name in ("sh", "id", "ls", "cat", "grep", "mount"):
            add(f"bin/{name}", kind=tarfile.SYMTYPE, link="busybox")
        with open(TESTCTR, "rb") as f:
            add("bin/testctr-script", f.read())
        add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n", mode=0o644)
        for name, data in FILES.items():
            add(f"t/{name}", data, mode=0o644)
        escape = os.path.join(os.environ["TESTCTR_PROGRAMS"], "escape")
        with open(escape, "rb") as f:
            add("bin/escape", f.read())


class Cases:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def skip(self, why):
        self.skipped += 1
        print(f"skipped, because {why}")

    def report(self, command, folder=None):
        """Exit status and output, without times and the line that an engine has in front."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, cwd=folder)
        text = re.sub(r"[0-9.]+s\b", "TIME", done.stdout.decode(errors="replace"))
        lines = [line for line in text.splitlines()
                 if not re.search("engine (is )?chroot", line)]
        return [f"status {done.returncode}", *lines]

    def same(self, name, one, other):
        good = one == other
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAIL: {name}: differs:", *one, "--- and ---", *other, sep="\n", flush=True)

    def run(self, name, command, works, says=()):
        """`works`: True (green), or words that the single error line must hold. `says`: words of what is said besides."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
        text = done.stdout.decode(errors="replace")
        if works is True:
            good = done.returncode == 0 and "1 passed" in text and all(word in text for word in says)
        else:
            good = done.returncode == 3 and all(word in text for word in works)
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAIL: {name}: status {done.returncode}, expected {'green' if works is True else 'status 3 and ' + repr(works)}\n{text}",
                  flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        raise SystemExit(1 if self.failed else 0 if self.passed else 77)
