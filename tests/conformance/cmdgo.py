"""The scripts of Go 1.19's own suite (Debian's golang-1.19-src), run with `--dialect cmdgo` in the golang image.

cmdgo.py TESTCTR IMAGE FOLDER [--proxy] [--jobs N] [NAME...]

Each script runs in a container of its own, without a network and with GOPROXY=off; with --proxy, cmd/go's own proxy serves the
modules of testdata/mod in a container beside it. All share one build cache. Prints a table of what passed, was skipped and
failed, with the reason of each that did not pass; what failed for want of a command, a condition or a rule of the language is counted apart.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import time

SOURCE = "/usr/share/go-1.19/src/cmd/go"
SUMDB = "localhost.localdev/sumdb+00000c67+AcTrnkbUA+TU4heY3hkjiSES/DSQniBqIeQ/YppAUtK6"
PORT = 8123
LANGUAGE = ("unknown command", "unknown condition", "usage:", "unsupported:", "regexp.Compile", "unterminated", "missing command",
            "empty condition", "duplicated", "bad -count", "invalid mode", "cannot use -count")


def why(failure, output):
    """A failure's reason in a few words."""
    said = " ".join(output.split())
    for sign, reason in (
            ("module lookup disabled by GOPROXY=off", "needs the module proxy"),
            ("cgo: C compiler", "needs a C compiler"),
            ("dial tcp", "needs the network"),
            ("lookup ", "needs the network"),
            ("no secure protocol found", "needs the network"),
            ("unrecognized import path", "needs the network"),
            ("executable file not found", "needs a program that the image lacks"),
            ("read-only file system", "writes to GOROOT"),
            ("permission denied", "writes where it may not")):
        if sign in said:
            return reason
    return failure


def manifest(folder, image, proxy, names):
    text = ["version: 1", f"image: {json.dumps(image)}", "dialect: cmdgo", "tree: empty",
            f"mounts: [{json.dumps(folder + '/cache:/gocache')}]",
            "limits: {case-timeout: 5m, timeout: 10m}", "env:", "  GOCACHE: /gocache"]
    if proxy:
        text += [f"  GOPROXY: http://127.0.0.1:{PORT}/mod", f"  GOSUMDB: {SUMDB}", "services:", "  proxy:",
                 f"    image: {json.dumps('oci:' + folder + '/proxy-image')}",
                 f"    command: [sh, -c, 'cd /usr/local/go/src/cmd/go && exec /proxy/cmdgo.test -proxy=127.0.0.1:{PORT}']",
                 f"    ready: {{port: {PORT}}}"]
    text.append("tests:")
    text += [f"  - script: {json.dumps('scripts/' + name)}" for name in names]
    return "\n".join(text) + "\n"


def make_image(arguments, folder):
    """The image with Go as its makers ship it, one folder without links into others: Debian's has its sources elsewhere, which some scripts
    take amiss."""
    if not os.path.isdir(folder + "/go"):
        subprocess.run(["cp", "-aL", "/usr/lib/go-1.19", folder + "/go"], check=True)
    with open(folder + "/image.yaml", "w", encoding="utf-8") as file:
        json.dump({"from": arguments.image, "files": [{"path": "usr/local/go", "from": "go"}],
                   "env": {"PATH": "/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}, file)
    subprocess.run([arguments.testctr, "image", "build", "--compress", "none", folder + "/image.yaml", "-o", f"oci:{folder}/image"],
                   check=True, stdout=subprocess.DEVNULL)
    return f"oci:{folder}/image"


def make_proxy(arguments, folder):
    """An image with cmd/go's own module proxy, which is part of its test program: compiled in the image, put on top of it."""
    with open(folder + "/proxy.txt", "w", encoding="utf-8") as file:
        file.write("cd /usr/local/go/src/cmd/go\nexec go test -c -o $WORK/cmdgo.test .\n")
    subprocess.run([arguments.testctr, "run", "-q", "--case-timeout", "9m", "--env", "GOCACHE=/gocache", "--mount", folder + "/cache:/gocache",
                    "--artifacts", f"cmdgo.test={folder}/proxy", arguments.image, folder + "/proxy.txt"], check=True)
    with open(folder + "/proxy.yaml", "w", encoding="utf-8") as file:
        json.dump({"from": arguments.image, "files": [{"path": "proxy/cmdgo.test", "from": "proxy/cmdgo.test"}]}, file)
    subprocess.run([arguments.testctr, "image", "build", "--compress", "none", folder + "/proxy.yaml", "-o",
                    f"oci:{folder}/proxy-image"], check=True, stdout=subprocess.DEVNULL)


def run(arguments, folder, names):
    path = os.path.join(folder, "testctr.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(manifest(folder, arguments.image, arguments.proxy, names))
    started = time.monotonic()
    with open(os.path.join(folder, "events.json"), "wb") as out:
        done = subprocess.run([arguments.testctr, "run", "-f", path, "--json", "-j", str(arguments.jobs)], stdout=out,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    sys.stderr.write(done.stderr.decode(errors="replace")[-2000:])
    return time.monotonic() - started, done.returncode


def read(folder):
    scripts, outputs, failures, ends = {}, collections.defaultdict(str), {}, {}
    with open(os.path.join(folder, "events.json"), encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            event = json.loads(line)
            kind, index = event["type"], event.get("script")
            if kind == "script_started":
                scripts[index] = os.path.basename(event["name"])
            elif kind == "output":
                outputs[index] = (outputs[index] + str(event.get("data", "")))[-4000:]
            elif kind == "failure":
                failures.setdefault(index, event)
            elif kind == "script_ended":
                ends[index] = event
    return scripts, outputs, failures, ends


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("testctr")
    parser.add_argument("image")
    parser.add_argument("folder")
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=int, default=0, help="fewer that pass, or one that fails for the language's sake, is exit 1")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    folder = os.path.abspath(arguments.folder)
    for name in ("cache", "proxy", "empty", "scripts"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    all_names = sorted(name for name in os.listdir(SOURCE + "/testdata/script") if name.endswith(".txt"))
    names = [name for name in all_names if not arguments.names or name[:-4] in arguments.names]
    for name in names:
        with open(f"{SOURCE}/testdata/script/{name}", "rb") as source, open(f"{folder}/scripts/{name}", "wb") as copy:
            copy.write(source.read())
    arguments.image = make_image(arguments, folder)
    if arguments.proxy:
        make_proxy(arguments, folder)
    seconds, code = run(arguments, folder, names)
    scripts, outputs, failures, ends = read(folder)
    counts, language, rows = collections.Counter(), [], []
    for index, name in sorted(scripts.items(), key=lambda item: item[1]):
        end = ends.get(index, {"outcome": "lost"})
        outcome = end["outcome"]
        counts[outcome] += 1
        if outcome == "pass":
            continue
        if outcome == "skip":
            rows.append((outcome, name, end.get("reason", "")))
            continue
        failure = failures.get(index, {})
        reason = failure.get("reason", end.get("reason", ""))
        if any(sign in reason for sign in LANGUAGE):
            language.append(name)
        rows.append((outcome, f"{name}:{failure.get('line', '?')}", f"{why(reason, outputs[index])} | {failure.get('command', '')[:60]}"))
    for row in rows:
        print("%-5s %-42s %s" % row)
    kinds = collections.Counter(row[2].split(" | ")[0] for row in rows if row[0] != "skip")
    for reason, count in kinds.most_common():
        print(f"{count:5} {reason}")
    print(f"{len(names)} scripts in {seconds:.0f} s (-j {arguments.jobs}): {counts['pass']} pass, {counts['skip']} skip, "
          f"{counts['fail']} fail, {counts['error']} error; for the language's sake: {len(language)} {' '.join(language)}; exit {code}")
    if counts["pass"] < arguments.least or language or len(ends) < len(names):
        sys.exit(1)


if __name__ == "__main__":
    main()
