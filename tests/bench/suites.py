"""Suites: 2,000 small tests in three formats, each in a container of its own, two at a time, beside Cram and bats on the host - which isolate
nothing - and Podman with a container for each."""
import os
import shutil
import subprocess

MIB = 1 << 20
TESTS = 2_000


def measure(bench, once, round_robin):
    table, environment = bench.table, bench.environment(bench.path("suite-store"))
    ours, crams, bats = (bench.path(name) for name in ("suite", "suite-cram", "suite-bats"))
    for folder in (ours, crams, bats):
        os.mkdir(folder)

    def write(folder, name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    # Formats take turns, so that none is alone at the end.
    for number in range(TESTS):
        cram = f"A case\n\n  $ echo {number}\n  {number}\n"
        write(crams, f"t{number:04}.t", cram)
        write(bats, f"t{number:04}.bats", f'@test "case" {{\n  run echo {number}\n  [ "$output" = {number} ]\n}}\n')
        if number % 3 == 0:
            write(ours, f"t{number:04}.txt", f"exec echo {number}\nstdout ^{number}$\n")
        elif number % 3 == 1:
            write(ours, f"t{number:04}.md", f"# A case\n\n```scrut\n$ echo {number}\n{number}\n```\n")
        else:
            write(ours, f"t{number:04}.t", cram)
    command = [bench.ours, "run", "-q", "-j", "2", "builtin", ours]
    name = f"{TESTS} tests, each in its container, -j 2"
    cases = {name: (lambda: once(command, environment), 1)}
    cram = bench.cram()
    if cram:
        cases["cram on the host"] = (lambda: once([*cram, "-q", crams]), 1)
    if shutil.which("bats"):
        cases["bats on the host"] = (lambda: once(["bats", bats]), 3)
    bench_image = bench.path("suite-builtin")
    subprocess.run([bench.mkimage, os.path.join(bench.here, "../../images/builtin.yaml"), "--layout", bench_image], check=True,
                   stderr=subprocess.DEVNULL)
    podman, why = bench.podman(bench_image)
    if podman:
        # A container for each of 2,000 takes minutes: 20 of them, times 100.
        cases["podman run for each"] = (lambda: sum(once(podman) for _ in range(20)) * TESTS / 20, 1)
    cases[name][0]()  # warm: the store, caches, how long each takes
    medians, out = round_robin(cases, 3)
    out.setdefault("cram on the host", "python3-cram is missing")
    out.setdefault("bats on the host", "bats is missing")
    if why:
        out["podman run for each"] = why
    if name in medians:
        table.line("suites", f"{TESTS / medians[name]:.0f} tests a second; load average {os.getloadavg()[0]:.1f}")
    table.ratio("suites", medians, out, name, "cram on the host", 1.0, 1.0, "s")
    table.ratio("suites", medians, out, name, "bats on the host", 1.0, 1.0, "s")
    table.ratio("suites", medians, out, name, "podman run for each", 1 / 30, 1.0, "s")
    table.at_most("suites", f"memory, {TESTS} tests", bench.peak(command, environment) / MIB, 48, "MiB")

    # Tests that wait: what a container made ahead is worth.
    waits = bench.path("suite-waits")
    os.mkdir(waits)
    for number in range(100):
        write(waits, f"w{number:03}.txt", "exec sleep 0.1\n")
    waiting = "100 tests that sleep 0.1 s, -j 2"
    medians, out = round_robin({waiting: (lambda: once([bench.ours, "run", "-q", "-j", "2", "builtin", waits], environment), 1)}, 5)
    if waiting in medians:
        table.at_most("suites", f"{waiting}: beyond the sleeping, for each test,", (medians[waiting] - 5) / 50 * 1000, 20, "ms")
    else:
        table.line("suites", f"not measured: {out}")
