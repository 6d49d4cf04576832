"""What the tests of registries share: Debian's docker-registry on a port of its own, in every guise that it has."""
import json, os, shutil, socket, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "image"))
from common import *  # noqa: E402,F401,F403
from common import TMP  # noqa: E402

os.environ.pop("TESTCTR_OFFLINE", None)
for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
    os.environ.pop(variable, None)
# Nothing of the machine's own configuration counts here.
HOME = os.path.join(TMP, "home")
os.makedirs(HOME + "/.config/containers", exist_ok=True)
os.environ["HOME"] = HOME
os.environ["XDG_CONFIG_HOME"] = HOME + "/.config"
os.environ["XDG_RUNTIME_DIR"] = HOME + "/run"
os.environ["CONTAINERS_REGISTRIES_CONF"] = TMP + "/registries.conf"
open(TMP + "/registries.conf", "a").close()


def script(text):
    """A script in a folder of its own: nothing else is its test tree."""
    os.makedirs(TMP + "/scripts", exist_ok=True)
    with open(TMP + "/scripts/t.txt", "w") as f:
        f.write(text)
    return TMP + "/scripts/t.txt"


def need(*programs):
    """Skips the whole test where one of Debian's programs is missing."""
    for program in programs:
        if shutil.which(program) is None and not os.path.exists("/usr/sbin/" + program):
            print(f"skipped, because {program} is not installed")
            sys.exit(77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """docker-registry until `stop`. `tls` is (certificate, key); `auth` the YAML below `auth:`."""

    def __init__(self, name="registry", tls=None, auth=None, extra="", storage=None):
        self.port = free_port()
        self.host = f"localhost:{self.port}" if tls else f"127.0.0.1:{self.port}"
        self.folder = os.path.join(TMP, name)
        self.storage = storage or self.folder + "/data"
        os.makedirs(self.storage, exist_ok=True)
        os.makedirs(self.folder, exist_ok=True)
        self.log = self.folder + "/log"
        config = f"version: 0.1\nlog: {{level: info, accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {self.storage}}}, delete: {{enabled: true}}}}\n"
        config += f"http:\n  addr: 127.0.0.1:{self.port}\n"
        if tls:
            config += f"  tls: {{certificate: {tls[0]}, key: {tls[1]}}}\n"
        if auth:
            config += "auth:\n" + auth
        config += extra
        with open(self.folder + "/config.yml", "w") as f:
            f.write(config)
        self.process = None
        self.tls = tls
        self.start()

    def start(self):
        self.process = subprocess.Popen(["docker-registry", "serve", self.folder + "/config.yml"], stdin=subprocess.DEVNULL,
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("docker-registry does not start: " + open(self.log).read()[-2000:])

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def requests(self, method, part):
        """How many requests of that method with that part in their path it has logged."""
        with open(self.log, errors="replace") as f:
            return sum(1 for line in f if f'"{method} ' in line and part in line)


def insecure(*hosts, more=""):
    """registries.conf that says that these speak plain HTTP."""
    with open(TMP + "/registries.conf", "w") as f:
        for host in hosts:
            f.write(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        f.write(more)


def fresh_store():
    """An empty store from here on."""
    fresh_store.count = getattr(fresh_store, "count", 0) + 1
    os.environ["TESTCTR_HOME"] = os.path.join(TMP, f"store-{fresh_store.count}")
    return os.environ["TESTCTR_HOME"]


def left_over():
    """What of unfinished work lies in the store."""
    home = os.environ["TESTCTR_HOME"]
    found = []
    for parent in ("tmp", "layers/root", "layers/user"):
        if os.path.isdir(os.path.join(home, parent)):
            found += [f"{parent}/{n}" for n in os.listdir(os.path.join(home, parent)) if parent == "tmp" or n.startswith("tmp-")]
    return found


def skopeo(*args):
    return subprocess.run(["skopeo", "--insecure-policy", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
