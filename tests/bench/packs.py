"""Bundles: a tree of 50,000 files packed, beside tar and sha256sum over the same; how small a failing test of the Go image gets."""
import os
import subprocess

MIB = 1 << 20
FILES = 50_000

FAILING = """\
exec go test ./...
-- go.mod --
module example.org/m

go 1.19
-- m.go --
package m

import "fmt"

func Hello() string { return fmt.Sprintf("hello %d", 41) }
-- m_test.go --
package m

import "testing"

func TestHello(t *testing.T) {
	if got := Hello(); got != "hello 42" {
		t.Fatalf("got %q", got)
	}
}
"""


def measure(bench, once, round_robin):
    table, environment = bench.table, bench.environment(bench.path("pack-store"))
    tree = bench.path("pack-tree")
    for i in range(FILES):
        if i % 500 == 0:
            os.makedirs(f"{tree}/d{i // 500}")
        with open(f"{tree}/d{i // 500}/f{i}", "wb") as file:
            file.write(os.urandom(300) + b"some text, line after line\n" * 40)
    os.mkdir(bench.path("pack"))
    script = bench.path("pack", "t.txt")
    with open(script, "w") as file:
        file.write("exec true\n")
    pack = [bench.ours, "pack", "builtin", script, "--no-record", "--tree", tree, "-o", bench.path("big.tar")]
    ours, peer = f"pack of {FILES} files", "tar c | sha256sum"
    cases = {ours: (lambda: once(pack, environment), 1), peer: (lambda: once(["sh", "-c", f"tar c {tree} | sha256sum"]), 1)}
    medians, out = round_robin(cases, 7)
    table.ratio("pack", medians, out, ours, peer, 1.3)
    table.at_most("pack", f"memory, {FILES} files", bench.peak(pack, environment) / MIB, 48, "MiB")

    image = os.path.join(bench.build, "images", "golang")
    if not os.path.isdir(image):
        return table.line("pack", "slim: not measured, since there is no build/images/golang (make images)")
    with open(script, "w") as file:
        file.write(FAILING)
    slim = bench.path("slim.tar")
    done = subprocess.run([bench.ours, "pack", f"oci:{image}", script, "--slim", "-o", slim], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    again = subprocess.run([bench.ours, "replay", slim], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0 or again.returncode != 0:
        return table.line("pack", f"slim: not measured: {done.stderr[-300:]}{again.stdout[-300:]}")
    table.at_most("pack", "a failing `go test`, --slim, replayed", os.path.getsize(slim) / 1e6, 100, "MB")
