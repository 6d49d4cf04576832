"""Thousands of generated scripts by go-internal's testscript and by `run --dialect testscript`: the same verdict, the same line, the same message, and the
same log up to there. What differs must belong to a class that is listed in CLASSES with its reason."""

import collections
import os
import sys

import testscript_peers as peers
import testscript_scripts as scripts


def main(testctr, folder, count, seed):
    why = peers.missing()
    if why:
        print(f"skipped, because {why}")
        return peers.SKIPPED
    reference = peers.build_reference(os.environ.get("TESTCTR_BUILD", folder))
    place = os.path.join(folder, "scripts")
    os.makedirs(place)
    names = []
    for number in range(count):
        names.append(f"s{number}.txtar")
        with open(os.path.join(place, names[-1]), "wb") as file:
            file.write(scripts.script_of(seed, number))
    theirs = peers.run_reference(reference, place, os.path.join(folder, "scratch"), ["-verbose"])
    ours = peers.run_ours(testctr, place, names)
    classes, unexplained, verdicts = collections.Counter(), 0, collections.Counter()
    for name in names:
        their, our = theirs[name[:-6]], ours[name]
        verdicts[their["outcome"]] += 1
        problem = difference(their, our)
        if problem is None:
            continue
        unexplained += 1
        print(f"---- {name}: {problem}")
    print(dict(verdicts), unexplained)
    return unexplained > 0


def difference(their, our):
    if their["outcome"] != our.outcome:
        return f"{their['outcome']}:{their['line']} {their['reason']!r} there, {our.outcome}:{our.line} {our.reason!r} here"
    if their["line"] != our.line and our.outcome == "fail":
        return f"line {their['line']} {their['reason']!r} there, {our.line} {our.reason!r} here"
    if our.outcome == "fail" and their["reason"] != our.reason:
        return f"message {their['reason']!r} there, {our.reason!r} here"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
