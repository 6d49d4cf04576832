"""What options that several commands have do, and how each of these commands shows it. A row is tried with each command that has the option, once with
it and once without: what is to be seen must be there only with it. `tried` says which (command, option) the rows are about."""

import json
import os
import re
import subprocess

from comfort import TESTCTR, check, clean, write

ALL_RUN = ("run", "pack", "seccomp learn", "seccomp check")
PLACES = (*ALL_RUN, "reduce", "update", "create", "record", "shell")
PROFILE = "all.json"
# Tried by place_options.test.
PLACE_OPTIONS = ("--engine", "--jobs", "--timeout", "--case-timeout", "--dialect", "--command", "--cond", "--short", "--strict-env", "--run-timeout", "--max-output",
                 "--memory", "--pids", "--scratch", "--cpus", "--network", "--seccomp", "--ids", "--env", "--pass-env", "--secret", "--bin", "--mount",
                 "--artifacts", "--tree", "--layer", "--format", "--shell", "--compat", "--work-directory", "--prepend", "--append", "--combine-output",
                 "--keep-output-crlf", "--indent")
# Tried by other_options.test, but for those that are tried elsewhere.
OTHER_OPTIONS = ("--offline", "--pull", "--authfile", "--store-ro", "--json", "--tap", "--junit", "--report", "--ci-output", "--quiet", "--verbose", "--color", "--no-color",
                 "--plain", "--slow", "--manifest", "--test", "--tag", "--filter", "--failed", "--changed", "--changed-since", "--repeat", "--shuffle", "--shard",
                 "--shard-by", "--durations")
OTHERWISE = {("explain", "--manifest"), ("explain", "--json"), ("explain", "--color"), ("image load", "--quiet"), ("image pull", "--quiet"),
             ("image load", "--tag"), ("image build", "--tag"), ("image save", "--manifest"), ("image save", "--test"), ("image ls", "--json"), ("help", "--json"), ("version", "--verbose")}


def has(command, option):
    """Whether a command has an option, as the program says it."""
    return option in OPTIONS.get(command, ())


def read_options():
    listed = json.loads(subprocess.run([TESTCTR, "help", "--json"], capture_output=True, check=True).stdout)
    return {each["name"]: {name for option in each["options"] for name in option["names"]} for each in listed["commands"]}


OPTIONS = read_options()


class Seen:
    """What there was to see of a call: its output and what it wrote."""

    def __init__(self, words, typed=None, written=(), **environment):
        for name in written:
            if os.path.exists(name):
                os.unlink(name)
        done = subprocess.run([TESTCTR, *words], input=(typed or "").encode(), capture_output=True, env=clean(**environment), timeout=100)
        self.words, self.code = words, done.returncode
        self.out, self.err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        self.files = ""
        for name in written:
            if os.path.exists(name):
                with open(name, "rb") as file:
                    self.files += file.read().decode(errors="replace")

    @property
    def text(self):
        return self.out + self.err + self.files

    def __str__(self):
        return f"exit {self.code} of {' '.join(self.words)}\n{self.text[-2500:]}"


def with_file(command, image, file, options):
    """The words that run a file."""
    if command == "seccomp check":
        return ["seccomp", "check", PROFILE, image, file, *options]
    more = {"pack": ["-o", "../made.tar"], "seccomp learn": ["-o", "../made.json"]}.get(command, [])
    return [*command.split(), image, file, *more, *options]


def run_file(command, file, options, image="builtin", last=None, **environment):
    """A file, with a command that takes one. @param last its last line, for `shell`"""
    if command == "shell":
        return Seen(["shell", image, f"{file}:{last}", *options], typed="echo reached\n", **environment)
    if command == "update":
        return Seen(["update", image, file, "--ci", *options], written=(), **environment)
    return Seen(with_file(command, image, file, options), **environment)


def run_command(command, line, options, image="builtin", **environment):
    """A command line in a container."""
    if command == "shell":
        return Seen(["shell", image, *options], typed=line + "\n", **environment)
    if command == "create":
        return Seen(["create", image, *options, "--", line], **environment)
    if command == "record":
        return Seen(["record", image, "-o", "r.md", "--force", *options], typed=line + "\n", written=("r.md",), **environment)
    if command == "update":
        write("u.md", f"```scrut\n$ {line}\n```\n")
        seen = Seen(["update", image, "u.md", "--ci", *options], **environment)
        with open("u.md", encoding="utf-8", errors="replace") as file:
            seen.files = file.read()
        return seen
    write("c.txt", "exec sh -c '" + line.replace("'", "''") + "'\n")
    return Seen(with_file(command, image, "c.txt", options), **environment)


def held(command, condition, options, image="builtin", **environment):
    """Whether a condition of a shell held in a container; and what there was to see."""
    # In a run only what fails tells; its status says which.
    shows = "echo is''held" if command in ("shell", "create", "record", "update") else "exit 7"
    seen = run_command(command, f"if {condition}; then {shows}; else echo isnot; fi", options, image, **environment)
    return bool(re.search(r"^ishel{1}d$" if "echo" in shows else r"exit status 7", seen.text, re.M)), seen


def passes(command, file, options, last, **environment):
    """Whether a file passes."""
    seen = run_file(command, file, options, last=last, **environment)
    if command == "shell":
        return "reached" in seen.out and "not what was expected" not in seen.text, seen
    if command == "reduce":
        return "there is no failure to be kept: pass" in seen.err, seen
    if command == "update":
        return "unchanged" in seen.text and seen.code == 0, seen
    return bool(re.search(r"^1 passed, 0 failed, 0 errors", seen.out, re.M)), seen
