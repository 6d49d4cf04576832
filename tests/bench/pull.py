"""Pulls of the Go image from a registry on loopback, cold stores on tmpfs: ours, podman's, skopeo's into a layout."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

MIB = 1 << 20


class Registry:
    """Debian's docker-registry with its data in `folder`."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        os.makedirs(folder)
        config = os.path.join(folder, "config.yml")
        with open(config, "w") as file:
            file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
                       f"http: {{addr: '127.0.0.1:{self.port}'}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise OSError("docker-registry does not answer")

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure(bench, once, round_robin):
    """`image pull` against its limits; lines for the peers without one."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        return bench.table.line("pull", "not measured: docker-registry or skopeo is missing")
    roomy = os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 4 << 30
    folder = tempfile.mkdtemp(prefix="tc-bench-", dir="/dev/shm" if roomy else bench.scratch)
    registry = None
    try:
        registry = Registry(os.path.join(folder, "registry"))
        host, target = f"127.0.0.1:{registry.port}", os.path.join(folder, "target")
        conf = os.path.join(folder, "registries.conf")
        with open(conf, "w") as file:
            file.write(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        for kind, layout in bench.layouts().items():
            once(["skopeo", "copy", "-q", "--dest-tls-verify=false", "--preserve-digests", f"oci:{layout}:latest", f"docker://{host}/go:{kind}"])
        environment = {**bench.environment(target), "CONTAINERS_REGISTRIES_CONF": conf}

        def cold(command, env=None):
            def run():
                os.mkdir(target)
                try:
                    return once(command, env)
                finally:
                    subprocess.run(["umount", "-q", os.path.join(target, "podman", "overlay")], stderr=subprocess.DEVNULL)
                    subprocess.run(["rm", "-rf", target])
            return run

        cases = {}
        for kind in ("gzip", "zstd"):
            ours = [bench.ours, "image", "pull", f"{host}/go:{kind}"]
            cases[f"image pull, {kind}"] = (cold(ours, environment), 1)
            cases[f"podman pull, {kind}"] = (cold(["podman", "--root", target + "/podman", "--runroot", target + "/run", "pull", "-q", "--tls-verify=false",
                                                   f"{host}/go:{kind}"]), 1)
            cases[f"skopeo copy to oci:, {kind}"] = (cold(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{host}/go:{kind}", f"oci:{target}/o:latest"]), 1)
        medians, out = round_robin(cases, 3)
        for kind in ("gzip", "zstd"):
            bench.table.ratio("pull", medians, out, f"image pull, {kind}", f"podman pull, {kind}", 0.4, 1.0, "s")
            name = f"skopeo copy to oci:, {kind}"
            bench.table.line("pull", f"{name}, which unpacks nothing: " + (f"{medians[name]:.1f} s" if name in medians else out.get(name, "missing")))
            os.mkdir(target)
            try:
                peak = bench.peak([bench.ours, "image", "pull", f"{host}/go:{kind}"], environment)
                bench.table.at_most("pull", f"memory, {kind}", peak / MIB, 48, "MiB")
            finally:
                subprocess.run(["rm", "-rf", target])
    finally:
        if registry:
            registry.stop()
        shutil.rmtree(folder, ignore_errors=True)
