"""What the tests of Docker's and Podman's engines share: the cases, which are the same for both, and what is seen of an engine."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]
LACK = re.compile("their scratch space has no bound of its own|keeps no limit of")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Seen(threading.Thread):
    """A socket in front of an engine's, which keeps the first lines of all requests that go through it."""

    def __init__(self, path, engine):
        super().__init__(daemon=True)
        self.engine, self.requests = engine, []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen(50)
        self.start()

    def run(self):
        while True:
            near = self.listening.accept()[0]
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.engine)
            threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, False), daemon=True).start()

    def carry(self, source, target, asked):
        try:
            while data := source.recv(65536):
                if asked:
                    self.requests += re.findall(rb"^(?:GET|POST|PUT|DELETE) (\S+) HTTP/1.1\r$", data, re.M)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Cases:
    def __init__(self, engine, path):
        """`engine`: docker or podman, which listens at `path`."""
        self.engine, self.path = engine, path
        self.passed = self.failed = self.skipped = 0
        os.environ["DOCKER_HOST"] = os.environ["CONTAINER_HOST"] = f"unix://{path}"

    def check(self, name, good, told=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAIL: {name}\n{told}", flush=True)

    def skip(self, why):
        self.skipped += 1
        print(f"skipped, because {why}")

    def ask(self, method, target):
        connection = UnixConnection(self.path)
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def containers(self):
        """All that are there and ours."""
        every = json.loads(self.ask("GET", "/containers/json?all=1")[1])
        return [one for one in every if "org.testctr.owner" in (one["Labels"] or {})]

    def wait_until(self, condition, what):
        for _ in range(1200):
            if condition():
                return True
            time.sleep(0.05)
        print(f"waited in vain for {what}", flush=True)
        return False

    def command(self, words, engine):
        return [TESTCTR, "run", "--engine", engine or self.engine, *words]

    def run(self, words, engine=None, environment=None):
        done = subprocess.run(self.command(words, engine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=200, env={**os.environ, **(environment or {})})
        return done.returncode, done.stdout.decode(errors="replace")

    def script(self, name, text, code, *says, options=(), image="builtin", never=()):
        """The script ends with this code, and the report says these words, and never those."""
        with open("t.txt", "w") as f:
            f.write(text)
        got, told = self.run([*options, *([image] if image else []), "t.txt"])
        missing = [word for word in says if word not in told] + [f"not {word}" for word in never if word in told]
        self.check(name, got == code and not missing, f"status {got}, expected {code}; missing {missing}\n{told}")
        return told

    def same(self, name, text, options=(), file="t.txt", image="builtin"):
        """The report is the one that the native engine gives, but for times and for what an engine lacks."""
        with open(file, "w") as f:
            f.write(text)
        reports = []
        for engine in ("native", self.engine):
            got, told = self.run(["-v", *options, image, file], engine)
            told = "\n".join(line for line in told.splitlines() if not LACK.search(line))
            reports.append((got, re.sub(r"\b[0-9.]+m?s\b", "TIME", told)))
        self.check(name, reports[0] == reports[1], "\n---- and ----\n".join(f"status {got}\n{told}" for got, told in reports))

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        raise SystemExit(1 if self.failed else 0 if self.passed else 77)


def native_works():
    with open("probe.txt", "w") as f:
        f.write("exec true\n")
    return subprocess.run([TESTCTR, "run", "--engine", "native", "builtin", "probe.txt"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def plain(cases):
    cases.script("a script that passes", "exec echo hello\nstdout hello\n", 0, "1 passed")
    if not native_works():
        cases.skip("there are no containers of our own here to compare with")
        return
    cases.same("a script that fails", "exec echo one\nstdout one\n! exec false\nexec sh -c 'echo oops >&2; exit 3'\nexec echo never\n")
    cases.same("what the environment is", "exec env\nexec pwd\nexec id -u\nexec sh -c 'cd; pwd'\nexec sh -c umask\n", ["--env", "A=b c"])
    cases.same("what is given up", "exec grep -E '^(Cap|NoNew)' /proc/self/status\nexec sh -c 'ls -l /proc/self/fd | wc -l'\n")
    cases.same("refused system calls", "! exec unshare -U true\n! exec mount -t tmpfs none /tmp\nexec false\n")
    cases.same("a document", "# One\n\n```scrut\n$ echo hi; X=1\nhi\n```\n\n```scrut\n$ echo $X\n2\n```\n\n```scrut\n$ exit 4\n[4]\n```\n", file="t.md")
    cases.same("another kind", "  $ echo $((1+1))\n  2\n  $ false\n", file="t.t")


def tree(cases):
    os.makedirs("tree/d/e")
    for path, text, mode in (("tree/d/f", "data\n", 0o640), ("tree/run", "#!/bin/sh\necho ran\n", 0o755), ("tree/gone", "x", 0o644)):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
    os.chmod("tree/d/e", 0o700)
    os.symlink("d/f", "tree/l")
    os.link("tree/d/f", "tree/hard")
    with open("tree/.testctrignore", "w") as f:
        f.write("gone\n")
    text = ("cd $TREE\nexec sh -c 'find . | sort; find . -exec stat -c \"%n %a %u %g %F\" {} + | sort'\nexec cat l d/f hard\nexec ./run\n"
            "! exists gone\nexec sh -c 'echo new >d/new; echo changed >d/f; rm run'\nexec cat d/f\n")
    if native_works():
        cases.same("a test tree", text, ["--tree", "tree"])
    else:
        cases.script("a test tree", text, 0, options=["--tree", "tree"])
    with open("tree/d/f") as f:
        cases.check("the tree outside stays", f.read() == "data\n" and os.path.exists("tree/run"))


RECIPE = """from: builtin
files:
  - {path: home/tester, dir: true, owner: "1234:1235"}
  - {path: etc/passwd, text: "root:x:0:0:root:/root:/bin/sh\\ntester:x:1234:1235:t:/home/tester:/bin/sh\\n"}
  - {path: etc/group, text: "root:x:0:\\ntester:x:1235:\\nextra:x:77:tester\\n"}
user: tester
workdir: /srv/data
env: {FOO: bar}
entrypoint: [never-run]
ports: ["8080"]
healthcheck: {test: [never-run], interval: 1s, timeout: 1s, retries: 1}
"""


def users(cases):
    """An image's own user, folder and variables; its program, ports and health check are not the engine's affair."""
    if os.geteuid() != 0:
        cases.skip("an ordinary user's engine may have no other ids")
        return
    with open("recipe.yaml", "w") as f:
        f.write(RECIPE)
    made = subprocess.run([TESTCTR, "image", "build", "recipe.yaml", "--tag", "withuser"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    cases.check("an image with a user", made.returncode == 0, made.stdout)
    text = ("exec id\nexec sh -c 'echo $HOME $FOO; pwd; echo x >f; ls -ld $WORK /srv/data | cut -c1-30; grep Cap /proc/self/status'\n"
            "! exec sh -c 'echo >/etc/x'\n! exec sh -c 'echo >/srv/data/x'\n")
    if native_works():
        cases.same("an image's user", text, image="withuser")
    else:
        cases.script("an image's user", text, 0, "uid=1234(tester)", image="withuser")
    cases.script("several users", "[container withuser as one]\nexec sh -c 'echo x >f'\n[container builtin as two]\nexec sh -c 'cat f; echo y >>f; echo z >g'\n"
                 "[host]\nexec cat f\nstdout y\n", 0, image="withuser")


def handed_in(cases):
    os.makedirs("mnt")
    for path, text in (("prog", "#!/bin/sh\necho I am $0\n"), ("mnt/in", "in\n")):
        with open(path, "w") as f:
            f.write(text)
    os.chmod("prog", 0o755)
    os.chmod("mnt", 0o777)
    here = os.getcwd()
    options = ["--bin", "prog=mine", "--mount", f"{here}/mnt:/mnt/rw", "--mount", f"{here}/mnt:/mnt/ro:ro", "--artifacts", "out/*.txt=brought"]
    cases.script("programs, mounts, artifacts", "mine\nstdout '^I am /testctr/bin/mine$'\nexec cat /mnt/rw/in\nexec sh -c 'echo new >/mnt/rw/new'\n"
                 "! exec sh -c 'echo new >/mnt/ro/no'\n! exec sh -c 'echo >>/testctr/bin/mine'\nmkdir out\nexec sh -c 'echo hi >out/a.txt'\nexec false\n",
                 1, "line 9", options=options)
    cases.check("what was written through a mount", os.path.exists("mnt/new") and not os.path.exists("mnt/no"))
    cases.check("an artifact", os.path.exists("brought/a.txt") and open("brought/a.txt").read() == "hi\n")
    cases.script("a mount over what is ours", "exec true\n", 2, "nothing may be mounted at", options=["--mount", f"{here}/mnt:/proc/x"])


def bounds(cases, limits):
    cases.script("no network", "exec ip link\nstdout lo:\n! stdout eth\n! exec wget -q -O - http://192.0.2.1/\n", 0)
    if limits:
        cases.script("the memory limit", "exec sh -c 'x=a; while :; do x=$x$x$x$x; done'\n", 1, "the container went over its memory limit",
                     options=["--memory", "64MiB"])
        cases.script("the limit of processes", "exec sh -c 'for i in $(seq 60); do sleep 9 & done; wait'\n", 1, "limit of processes",
                     options=["--pids", "20"])
    else:
        cases.script("a memory limit that nothing keeps", "exec true\n", 3, "keeps no limit of memory", options=["--memory", "64MiB"])
        cases.skip("this engine keeps no limits here")
    cases.script("the time limit", "exec sleep 1000\n", 1, "the script's time limit of 2s was reached", options=["--timeout", "2s"])
    cases.check("nothing is left after it", not cases.containers(), cases.containers())
    cases.script("hostfs", "exec true\n", 2, "hostfs cannot run in", image="hostfs")
    cases.script("ids", "exec true\n", 2, "the engine decides that", options=["--ids", "one"])
    cases.script("scratch space", "exec true\n", 2, "keeps no limit of scratch space", options=["--scratch", "1GiB"])
    with open("profile.json", "w") as f:
        json.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mknod", "mknodat"], "action": "SCMP_ACT_ERRNO"}]}, f)
    cases.script("another filter", "! exec mkfifo p\nexec false\n", 1, "mknod", options=["--seccomp", "profile.json"])


def several(cases):
    cases.script("the host and a container", "[host]\nexec sh -c 'echo from the host >a'\n[container]\nexec cat a\nstdout 'from the host'\n"
                 "exec sh -c 'mkdir -p deep/er; echo from inside >deep/er/b; chmod 700 deep'\n[host]\nexec cat deep/er/b\nstdout 'from inside'\n", 0)
    web = "sh -c 'mkdir -p /w; echo hello from $(hostname) >/w/index.html; exec httpd -f -p 8080 -h /w'"
    cases.script("containers beside a script", f"testctr start builtin web --ready port 8080 --cmd {web}\n"
                 "[container:web] exec wget -q -O - http://web:8080/\nstdout '^hello from'\ntestctr exec web sh -c 'echo out; echo err >&2'\n"
                 "stdout '^out$'\n! testctr exec web sh -c 'exit 3'\ntestctr endpoint web 8080\nstdout '^127.0.0.1:8080$'\ntestctr stop web\n"
                 "! exec wget -q -O - http://web:8080/\n", 0)
    with open("testctr.yaml", "w") as f:
        f.write("version: 1\nimage: builtin\nservices:\n  db:\n    image: builtin\n    command: [sh, -c, \"echo begins; sleep 0.3; exec nc -ll -p 5432 -e echo well\"]\n"
                "    ready: {port: 5432}\ntests:\n  - name: with a service\n    sections:\n"
                "      - container: {run: \"exec nc db 5432\\nstdout well\\nexec sh -c 'echo 1 >f'\"}\n      - host: {run: \"exec cat f\\nstdout 1\"}\n")
    got, told = cases.run(["-f", "testctr.yaml"])
    cases.check("a manifest with a service", got == 0, told)
    os.remove("testctr.yaml")
    text = ("[host]\ntestctr start builtin web -p 8080 --ready port 8080 --cmd " + web +
            "\ntestctr endpoint web 8080\nstdout '^127.0.0.1:[1-9][0-9]*$'\ncp stdout address\nexec python3 fetch.py\nstdout 'hello from'\n[container]\nexec true\n"
            "-- fetch.py --\nimport urllib.request\nprint(urllib.request.urlopen('http://' + open('address').read().strip() + '/').read().decode())\n")
    cases.script("a port for the host", text, 0)
    cases.check("nothing is left of them", not cases.containers(), cases.containers())


def live(cases):
    """Events come while the script runs: it ends only when one of them was seen."""
    beside = os.path.join(TMP, "live")  # the folder of the script is its tree, and must not change
    os.makedirs(beside, exist_ok=True)
    with open("t.txt", "w") as f:
        f.write("exec echo first\nexec sh -c 'until [ -e /live/go ]; do sleep 0.1; done'\n")
    running = subprocess.Popen(cases.command(["--json", "--mount", f"{beside}:/live:ro", "builtin", "t.txt"], None),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seen = False
    for line in running.stdout:
        if b"first" in line and not seen:
            seen = True
            open(os.path.join(beside, "go"), "w").close()
    cases.check("events live", seen and running.wait(60) == 0)


def images(cases):
    path = os.path.join(TMP, "seen.sock")
    seen = Seen(path, cases.path)
    with open("t.txt", "w") as f:
        f.write("exec true\n")
    cases.run(["builtin", "t.txt"])
    got, told = cases.run(["builtin", "t.txt"], environment={"DOCKER_HOST": f"unix://{path}", "CONTAINER_HOST": f"unix://{path}"})
    loads = [one for one in seen.requests if b"/images/load" in one]
    cases.check("a second run loads no image", got == 0 and not loads and any(b"/start" in one for one in seen.requests), f"{told}{seen.requests}")
    cases.check("nobody pulls", not any(b"/images/create" in one for one in seen.requests), seen.requests)
    ours = [one for one in json.loads(cases.ask("GET", "/images/json")[1]) if "org.testctr.image" in (one["Labels"] or {})]
    for one in ours:
        cases.ask("DELETE", f"/images/{one['Id']}?force=1")
    running = [subprocess.Popen(cases.command(["builtin", "t.txt"], None), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
               for _ in range(2)]
    told = [one.communicate(timeout=200)[0] for one in running]
    cases.check("two load the same image at once", all(one.returncode == 0 for one in running), told)
    cases.check("images of ours", ours and all(one["RepoTags"][0].startswith("localhost/testctr-script:") for one in ours), ours)


def set_up(cases):
    with open("setup.yaml", "w") as f:
        f.write("version: 1\nimage: builtin\nsetup: {run: exec sh -c 'echo x >/which'}\ntests: [{name: a, sections: [{container: {run: exec cat /which}}]}]\n")
    got, told = cases.run(["-f", "setup.yaml"])
    cases.check("`setup:` is refused, with what to do", got == 2 and f"`setup:` needs native containers, and these are of {cases.engine}" in told and
                "--engine native" in told and "1 errors, 1 skipped" in told, f"{got}\n{told}")
    packed = subprocess.run([TESTCTR, "pack", "-f", "setup.yaml", "-o", "setup.tar"], capture_output=True, timeout=200)
    done = subprocess.run([TESTCTR, "replay", "--engine", cases.engine, "setup.tar"], capture_output=True, timeout=200)
    cases.check("a bundle of such a test is replayed", packed.returncode == 0 and done.returncode == 0 and b"reproduced" in done.stdout,
                f"{packed}\n{done}")


def sudden_ends(cases):
    def start(text):
        with open("t.txt", "w") as f:
            f.write(text)
        running = subprocess.Popen(cases.command(["builtin", "t.txt"], None), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        cases.wait_until(lambda: any(one["State"] == "running" for one in cases.containers()), "a container that runs")
        return running

    running = start("exec sleep 1000\n")
    running.send_signal(signal.SIGINT)
    told = running.communicate(timeout=100)[0].decode()
    cases.check("an interrupted run", running.returncode == 130 and not cases.containers(), f"{running.returncode} {told} {cases.containers()}")

    running = start("exec sleep 1000\n")
    running.kill()
    running.communicate()
    cases.check("a killed run", cases.wait_until(lambda: not cases.containers(), "the end of a killed run's container"), cases.containers())

    running = start("exec sleep 1000\n")
    couriers = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent(int(pid)) == running.pid]
    running.send_signal(signal.SIGSTOP)  # so that neither has the time to do something about the other
    for pid in couriers:
        os.kill(pid, signal.SIGKILL)
    running.kill()
    running.communicate()
    left = cases.containers()
    cases.check("its end inside", cases.wait_until(lambda: all(one["State"] != "running" for one in cases.containers()), "the container's own end"))
    got, told = cases.run(["builtin", "probe.txt"])
    cases.check("the next run removes it", len(left) == 1 and got == 0 and not cases.containers(), f"{left}\n{told}\n{cases.containers()}")


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def all_cases(engine, path, limits=True):
    cases = Cases(engine, path)
    with open("probe.txt", "w") as f:
        f.write("exec true\n")
    for part in (plain, tree, users, handed_in, lambda c: bounds(c, limits), several, live, images, set_up, sudden_ends):
        part(cases)
    cases.check("nothing is left at all", not cases.containers(), cases.containers())
    return cases


def unmount_below(folder):
    with open("/proc/mounts") as f:
        points = [line.split()[1] for line in f]
    for point in sorted(points, reverse=True):
        if point.startswith(folder):
            subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            print(f"skipped, because {program} is not installed")
            raise SystemExit(77)
