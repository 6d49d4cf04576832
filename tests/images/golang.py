"""The golang image, and a script that tests a small Go module in it: what the tests of this folder share."""

import os
import subprocess
import sys

TESTCTR = os.environ["TESTCTR"]
LAYOUT = os.path.join(os.environ["TESTCTR_BUILD"], "images", "golang")

SCRIPT = """\
# Which Go is it?
exec go version
stdout 'go version'

# The module's own tests.
exec go test ./...
stdout ok

# What vet must find.
! exec go vet ./bad
stderr 'self-assignment of x'

-- go.mod --
module example.org/greet

go 1.19
-- greet.go --
// Package greet greets.
package greet

// Hello greets someone.
func Hello(name string) string { return "Hello, " + name + "!" }
-- greet_test.go --
package greet

import "testing"

func TestHello(t *testing.T) {
	if got := Hello("world"); got != "Hello, world!" {
		t.Errorf("got %q", got)
	}
}
-- bad/bad.go --
// Package bad is wrong.
package bad

// Wrong assigns a variable to itself.
func Wrong(x int) int {
	x = x
	return x
}
"""


def run(*arguments, expect=None):
    """Runs the program; with `expect`, anything else than that exit code ends the test."""
    done = subprocess.run([TESTCTR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if expect is not None and done.returncode != expect:
        print(f"wrong: exit {done.returncode}, not {expect}: testctr-script {' '.join(arguments)}")
        print(done.stdout + done.stderr)
        sys.exit(1)
    return done


def load():
    """Loads the image under the name by which everything here uses it."""
    run("image", "load", "--tag", "golang:latest", f"oci:{LAYOUT}", expect=0)


class Tally:
    """Counts the cases of a test."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, message, output=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"wrong: {message}\n{output}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed, 0 skipped")
        sys.exit(self.failed > 0)
