"""The suites of others in go-internal's testscript language, by the reference and by `run --dialect testscript`: the same verdict for each script.

testscript.py TESTCTR FOLDER

* go-internal's own scripts. What its Go test code registers as commands is not there, in neither: such scripts are listed with the command.
* those of shfmt and age, for the programs that Debian has of them, which --command or --bin makes commands.
"""

import collections
import os
import re
import shutil
import subprocess
import sys

import testscript_peers as peers

GOCODE = "/usr/share/gocode/src"
# By folder of the package: programs that its tests have as commands and that are programs of their own as well.
OWN = {
    "testscript": [],
    "cmd/testscript": ["testscript"],
    "cmd/txtar-addmod": ["txtar-addmod"],
    "cmd/txtar-c": ["txtar-c"],
    "cmd/txtar-x": ["txtar-x"],
    "gotooltest": [],
    "goproxytest": [],
}
PROGRAMS = (("shfmt", "mvdan.cc/sh/v3/cmd/shfmt/testdata/script", "shfmt"), ("age", "filippo.io/age/cmd/age/testdata", "age"))
WITH_GO = {"cmd/testscript", "cmd/txtar-addmod", "gotooltest", "goproxytest"}
REGISTERED = re.compile(r'^unknown (?:command|condition) "([^"]*)"')
NEWEST = (
    (re.compile(r' \(did you mean .*\?\)$'), ""),
)


def copied(source, folder):
    """The scripts of a folder, by name, below `folder`."""
    os.makedirs(folder)
    names = sorted(name for name in os.listdir(source) if name.endswith((".txt", ".txtar")))
    for name in names:
        shutil.copy(os.path.join(source, name), os.path.join(folder, name))
    return names


def said(reason):
    """A reason in the words of 1.9.0."""
    for pattern, text in NEWEST:
        reason = pattern.sub(text, reason)
    return reason.split("\n")[0]


class Suite:
    def __init__(self, title, names):
        self.title, self.names, self.wrong, self.rows = title, names, [], []
        self.counts = collections.Counter()

    def compare(self, theirs, ours, explained=()):
        """@param explained scripts whose verdict is another one, with the reason"""
        for name in self.names:
            their = theirs[re.sub(r"\.(txt|txtar)$", "", name)]
            our = ours.get(name, peers.Run())
            self.counts[our.outcome] += 1
            same = their["outcome"] == our.outcome and (our.outcome != "fail" or (their["line"], said(their["reason"])) == (our.line, said(our.reason)))
            registered = REGISTERED.match(said(our.reason))
            if our.outcome == "fail":
                why = f"`{registered[1]}` is registered by Go test code" if registered else said(our.reason)
                self.rows.append(f"  fail  {name}:{our.line}: {why}")
            elif our.outcome == "skip":
                self.rows.append(f"  skip  {name}: {our.events[-1].get('reason', '')}")
            if name in dict(explained) and not same:
                self.rows.append(f"  else  {name}: {their['outcome']}:{their['line']} {said(their['reason'])} there; {dict(explained)[name]}")
            elif not same:
                self.wrong.append(f"{self.title}/{name}: {their['outcome']}:{their['line']} {their['reason']!r} there, {our.outcome}:{our.line} {our.reason!r} {our.hint!r} here")

    def tell(self):
        passed = ", ".join(f"{self.counts[outcome]} {outcome}" for outcome in ("pass", "skip", "fail", "error") if self.counts[outcome])
        print(f"{self.title}: {len(self.names)} scripts, {passed}; {len(self.names) - len(self.wrong)} as there")
        for row in self.rows:
            print(row)
        for problem in self.wrong:
            print(f"wrong: {problem}")


def go_internal(testctr, reference, folder):
    """Each folder of scripts of the package."""
    programs = os.path.join(folder, "bin")
    os.makedirs(programs)
    for name in ("testscript", "txtar-addmod", "txtar-c", "txtar-x"):
        peers.build("github.com/rogpeppe/go-internal/cmd/" + name, os.path.join(programs, name), folder)
    path = programs + ":" + peers.PATH
    for package, commands in OWN.items():
        place = os.path.join(folder, package.replace("/", "-"))
        suite = Suite("go-internal/" + package, copied(f"{peers.PACKAGE}/{package}/testdata", place))
        options = ["-commands", ",".join(commands)] + (["-go"] if package in WITH_GO else [])
        there = peers.run_reference(reference, place, os.path.join(folder, "scratch"), options, path=path if commands else peers.PATH, environment={"GOPROXY": "off"})
        bins = [word for name in commands for word in ("--bin", os.path.join(programs, name))]
        here = peers.run_ours(testctr, place, suite.names, options=["--env", "GOPROXY=off", *bins])
        suite.compare(there, here, EXPLAINED.get(package, ()))
        yield suite


EXPLAINED = {}


def program_suite(testctr, reference, folder, title, source, program, image):
    """A suite for one program, which Debian has."""
    place = os.path.join(folder, title)
    suite = Suite(title, copied(source, place))
    there = peers.run_reference(reference, place, os.path.join(folder, "scratch"), ["-commands", program])
    bin_or_command = ["--command", program] if image == "hostfs" else ["--bin", "/usr/bin/" + program]
    here = peers.run_ours(testctr, place, suite.names, image=image, options=bin_or_command)
    suite.compare(there, here)
    return suite


def main(testctr, folder):
    why = peers.missing()
    if why:
        print(f"skipped, because {why}")
        return peers.SKIPPED
    reference = peers.build_reference(os.environ.get("TESTCTR_BUILD", folder))
    suites = list(go_internal(testctr, reference, folder))
    skipped = 0
    for title, source, program in PROGRAMS:
        if not os.path.isdir(f"{GOCODE}/{source}") or not shutil.which(program):
            print(f"skipped, because {program} or its scripts are not installed")
            skipped += 1
            continue
        suites.append(program_suite(testctr, reference, folder, title, f"{GOCODE}/{source}", program, "hostfs"))
    for suite in suites:
        suite.tell()
    wrong = sum(len(suite.wrong) for suite in suites)
    print(f"{sum(len(suite.names) for suite in suites) - wrong} passed, {wrong} failed, {skipped} skipped")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
