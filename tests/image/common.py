"""What the image tests share: layouts made by hand, the program called, and the merged tree of a stored image read without mounting it."""
import gzip, hashlib, io, json, os, shutil, stat, subprocess, sys, tarfile, tempfile

TESTCTR = os.environ["TESTCTR"]
TMP = os.environ["TESTCTR_TEST_TMP"]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
passed, failed, skipped = [], [], []


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def member(name, data=b"", type=tarfile.REGTYPE, link="", mode=None, mtime=1, uid=0, gid=0, pax=None):
    """(TarInfo, bytes) of one entry; folders and whiteouts have functions of their own below."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime, info.uid, info.gid = type, link, mtime, uid, gid
    info.mode = mode if mode is not None else (0o755 if type == tarfile.DIRTYPE else 0o644)
    info.size = len(data) if type == tarfile.REGTYPE else 0
    info.pax_headers = pax or {}
    return info, data


def folder(name, mode=0o755, **more):
    return member(name, type=tarfile.DIRTYPE, mode=mode, **more)


def link(name, target):
    return member(name, type=tarfile.SYMTYPE, link=target)


def hard(name, target):
    return member(name, type=tarfile.LNKTYPE, link=target)


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as t:
        for info, data in members:
            t.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def layout(path, layers, compress="none", tag="latest", config=None, change=None):
    """Writes an OCI layout of uncompressed layers. `change(kind, document)` may edit index, manifest and config before they are written."""
    os.makedirs(path + "/blobs/sha256")
    change = change or (lambda kind, document: None)

    def blob(data):
        with open(path + "/blobs/sha256/" + digest(data)[7:], "wb") as f:
            f.write(data)
        return {"digest": digest(data), "size": len(data)}

    described = []
    for data in layers:
        packed = gzip.compress(data, 1, mtime=0) if compress == "gzip" else data
        type = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if compress == "gzip" else "")
        described.append({"mediaType": type, **blob(packed)})
    conf = {"os": "linux", "architecture": ARCH, "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]}}
    change("config", conf)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(conf).encode())}, "layers": described}
    change("manifest", manifest)
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **blob(json.dumps(manifest).encode())}
    if tag:
        entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    index = {"schemaVersion": 2, "manifests": [entry]}
    change("index", index)
    with open(path + "/index.json", "w") as f:
        json.dump(index, f)
    with open(path + "/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return path


def on_builtin(path, *layers, tag=None):
    """A layout of the embedded image with these tars on top: commands run in it."""
    r = call("image", "copy", "builtin", "oci:" + path)
    if r.returncode != 0:
        raise AssertionError(r.stderr)
    read = lambda d: json.load(open(f"{path}/blobs/sha256/{d['digest'][7:]}"))

    def put(data):
        with open(f"{path}/blobs/sha256/{digest(data)[7:]}", "wb") as f:
            f.write(data)
        return {"digest": digest(data), "size": len(data)}

    entry = json.load(open(path + "/index.json"))["manifests"][0]
    manifest = read(entry)
    config = read(manifest["config"])
    for data in layers:
        manifest["layers"].append({"mediaType": "application/vnd.oci.image.layer.v1.tar", **put(data)})
        config["rootfs"]["diff_ids"].append(digest(data))
    manifest["config"].update(put(json.dumps(config).encode()))
    entry.update(put(json.dumps(manifest).encode()))
    if tag:
        entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    with open(path + "/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, f)
    return path


def call(*args, env=None, **more):
    return subprocess.run([TESTCTR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="surrogateescape",
                          env={**os.environ, **(env or {})}, **more)


def load(reference, name="t:t", env=None):
    return call("image", "load", "--tag", name, reference, env=env)


def inspect(name="t:t", env=None):
    r = call("image", "inspect", name, env=env)
    if r.returncode != 0:
        raise AssertionError(r.stderr)
    return json.loads(r.stdout)


def merged(layers, owners=False):
    """What overlayfs shows of these folders (lowest first): {path: (type, mode, what)}, what being content, link target or None."""
    shown, inodes = {}, {}

    def hide(path, itself):
        for p in [p for p in shown if p.startswith(path + b"/") or (itself and p == path)]:
            del shown[p]

    for layer in layers:
        top = os.fsencode(layer)
        for base, dirs, files in os.walk(top):
            rel = base[len(top) + 1:]
            if rel and b"user.overlay.opaque" in [os.fsencode(x) for x in os.listxattr(base)]:
                hide(rel, False)
            for name in dirs + files:
                full, path = os.path.join(base, name), os.path.join(rel, name)
                st = os.lstat(full)
                if stat.S_ISCHR(st.st_mode) and st.st_rdev == 0:
                    hide(path, True)
                    continue
                if not (stat.S_ISDIR(st.st_mode) and shown.get(path, ("",))[0] == "dir"):
                    hide(path, True)
                mode = stat.S_IMODE(st.st_mode)
                who = (st.st_uid, st.st_gid) if owners else ()
                if stat.S_ISDIR(st.st_mode):
                    shown[path] = ("dir", mode, None) + who
                elif stat.S_ISLNK(st.st_mode):
                    shown[path] = ("link", 0o777, os.readlink(full)) + who
                elif stat.S_ISREG(st.st_mode):
                    try:
                        content = open(full, "rb").read()
                    except PermissionError:
                        content = None
                    shown[path] = ("file", mode, content) + who
                else:
                    shown[path] = ("other", mode, stat.S_IFMT(st.st_mode)) + who
    return shown


def tree(name="t:t", env=None):
    return merged(inspect(name, env)["layers"])


def check(name, good, detail=""):
    (passed if good else failed).append(name)
    if not good:
        print(f"FAILED {name}: {detail}")


def skip(name, why):
    skipped.append(name)
    print(f"skipped, because {why} ({name})")


def also_as_user():
    """Called by root: runs the whole test program once more as an ordinary user without a name, and counts its cases."""
    if os.geteuid() != 0:
        return
    if not shutil.which("setpriv"):
        return skip("as an ordinary user", "setpriv is not installed")
    # A user cannot enter root's scratch folder, and perhaps not the build folder either.
    place = tempfile.mkdtemp(prefix="tc-user-", dir="/tmp")
    try:
        os.chmod(place, 0o755)
        program = os.path.abspath(sys.argv[0])
        group_folder = os.path.basename(os.path.dirname(program))
        for name in {group_folder, "image"}:
            shutil.copytree(os.path.join(os.path.dirname(program), "..", name), f"{place}/tests/{name}")
        env = {**os.environ, "TESTCTR": shutil.copy(TESTCTR, place), "TESTCTR_HOME": place + "/own/store", "TESTCTR_TEST_TMP": place + "/own/tmp", "HOME": place + "/own"}
        if os.path.isdir(os.environ.get("TESTCTR_PROGRAMS", "")):
            env["TESTCTR_PROGRAMS"] = shutil.copytree(os.environ["TESTCTR_PROGRAMS"], place + "/programs")
        for name in ("own", "own/store", "own/tmp"):
            os.mkdir(f"{place}/{name}", 0o700)
            os.chown(f"{place}/{name}", 12345, 12345)
        r = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable, f"{place}/tests/{group_folder}/{os.path.basename(program)}"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env, cwd=place + "/own/tmp")
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", place])
        shutil.rmtree(place)
    lines = r.stdout.splitlines()
    count = lines[-1].split() if lines else []
    if len(count) == 6 and count[1] == "passed,":
        print("\n".join(("" if l.startswith("skipped, because") else "as an ordinary user: ") + l for l in lines[:-1]))
        for number, list_ in zip((0, 2, 4), (passed, failed, skipped)):
            list_ += ["as an ordinary user"] * int(count[number])
    else:
        check("as an ordinary user", False, (r.returncode, r.stdout))


def done():
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else 0 if passed else 77)
