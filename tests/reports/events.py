"""Writes event files by hand, as `run --report json=FILE` would."""

import base64
import json


def text_of(value):
    """Bytes as events have them."""
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def events_of(tests, **run):
    """The lines of a run of these tests: dicts with name, outcome, perhaps reason, output, denied, start, took (ms)."""
    lines = [{"version": 1, "type": "run_started", "program": "by hand", "scripts": len(tests), "parallel": 2, **run}]
    count = dict.fromkeys(("passed", "failed", "errors", "skipped", "not_run", "flaky", "xfail", "xpass"), 0)
    names = {"pass": ["passed"], "fail": ["failed"], "error": ["errors"], "skip": ["skipped"], "not_run": ["not_run"],
             "xfail": ["passed", "xfail"], "xpass": ["failed", "xpass"]}
    for index, test in enumerate(tests):
        start, took = test.get("start", index * 10), test.get("took", 10)
        sequence = iter(range(100))

        def add(kind, at=start, **members):
            lines.append({"version": 1, "type": kind, "script": index, "attempt": 0, "place": "container", "sequence": next(sequence),
                          "time_ns": at * 1_000_000, **members})

        add("script_started", name=text_of(test["name"]), image="builtin")
        if "output" in test:
            add("command", line=1, text="exec show")
            add("output", line=1, stream="stdout", data=text_of(test["output"]))
        for line, program, syscall in test.get("denied", ()):
            add("denied", line=line, program=program, syscall=syscall, count=2)
        if test["outcome"] == "fail":
            add("failure", line=2, command="stdout x", reason=text_of(test.get("reason", "no match")))
        more = {"fault": "infrastructure"} if test["outcome"] == "error" else {}
        if test["outcome"] != "pass":
            more["reason"] = text_of(test.get("reason", "for a reason"))
        add("script_ended", start + took, outcome=test["outcome"], duration_ns=took * 1_000_000, **more)
        for name in names[test["outcome"]]:
            count[name] += 1
    end = max([test.get("start", i * 10) + test.get("took", 10) for i, test in enumerate(tests)], default=0)
    lines.append({"version": 1, "type": "run_ended", **count, "not_tests": 0, "timed_out": False, "duration_ns": end * 1_000_000, "exit_code": 0})
    return [json.dumps(line) + "\n" for line in lines]


def write_run(path, tests, **run):
    """The same as a file."""
    with open(path, "w") as file:
        file.writelines(events_of(tests, **run))
