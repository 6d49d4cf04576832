"""Runs the scripts of a folder in one dialect and holds each to what it says of itself.

Each script ends in a file `.expect`, whose first line is `pass`, `skip REASON`, `fail LINE REASON` or `error TEXT`: how it
ends, the line that fails and what is said there (REASON may be a part of it). Further lines are texts of the events that there have to
be (`log TEXT`), or may not be (`no TEXT`). A first line `options: ...` of the script's comment gives options of `run`; scripts with
the same ones run together.
"""

import json
import os
import re
import subprocess
import sys

EXPECT = "-- .expect --\n"


def read(path):
    text = open(path, encoding="utf-8", errors="surrogateescape", newline="").read()
    if EXPECT not in text:
        raise SystemExit(f"{path}: does not say what is expected")
    lines = text.split(EXPECT)[1].splitlines()
    options = re.match(r"# options: (.*)\n", text)
    return lines, tuple(options.group(1).split()) if options else ()


def events_of(dialect, folder, names, options):
    command = [os.environ["TESTCTR"], "run", "--dialect", dialect, "--json", "-j", "2", *options, "builtin"]
    done = subprocess.run(command + names, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    events = {name: [] for name in names}
    by_index = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["type"] == "script_started":
            by_index[event["script"]] = event["name"]
        if "script" in event:
            events[by_index[event["script"]]].append(event)
    if not by_index:
        raise SystemExit(f"nothing ran: {done.stderr.decode(errors='replace')}")
    return events


def text_of(event):
    return " ".join(str(event.get(key, "")) for key in ("text", "reason", "data", "hint", "title", "diff", "command"))


def wrong_with(lines, events):
    """What is not as the script says, or nothing."""
    ended = events[-1] if events else {}
    word, _, rest = lines[0].partition(" ")
    if ended.get("outcome") != word:
        return f"ended as {ended.get('outcome')} ({ended.get('reason', '')}), not {lines[0]}"
    if word == "fail":
        number, _, reason = rest.partition(" ")
        failures = [event for event in events if event["type"] == "failure"]
        if not failures or failures[0]["line"] != int(number):
            return f"failed in line {failures[0]['line'] if failures else 'none'}, not {number}"
        if reason not in failures[0]["reason"]:
            return f"said {failures[0]['reason']!r}, not {reason!r}"
    if word in ("skip", "error") and rest not in ended.get("reason", ""):
        return f"said {ended.get('reason')!r}, not {rest!r}"
    told = "\n".join(text_of(event) for event in events)
    for line in lines[1:]:
        kind, _, text = line.partition(" ")
        if kind not in ("log", "no"):
            return f"an unknown expectation: {line}"
        if (text in told) != (kind == "log"):
            return f"{'does not say' if kind == 'log' else 'says'}: {text}"
    return None


def main(dialect):
    folder = os.path.join(os.environ["TESTCTR_SOURCE"], "tests/dialects", dialect)
    groups = {}
    for name in sorted(os.listdir(folder)):
        lines, options = read(os.path.join(folder, name))
        groups.setdefault(options, {})[name] = lines
    passed = failed = 0
    for options, scripts in groups.items():
        events = events_of(dialect, folder, list(scripts), options)
        for name, lines in scripts.items():
            problem = wrong_with(lines, events[name])
            if problem is None:
                passed += 1
                continue
            failed += 1
            print(f"wrong: {dialect}/{name}: {problem}")
            for event in events[name]:
                print("   ", event["type"], event.get("line", ""), text_of(event)[:300])
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
