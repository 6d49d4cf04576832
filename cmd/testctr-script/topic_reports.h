// The help topic on reports, apart from the others since it is changed with them.
#pragma once

#include <string_view>

namespace testctr::cmd {

inline constexpr std::string_view reports_topic = R"(Reports

Standard output has the text for people, or with --json or --tap one of these. `--report FORMAT=FILE` writes others beside it, as many as are asked for:

  text    what standard output shows where it is no terminal
  json    one JSON object a line, as things happen: what `merge` reads
  junit   JUnit XML (`--junit FILE` is the same)
  tap     TAP 14
  ctrf    CTRF, the Common Test Report Format (https://ctrf.io)
  html    one page that needs nothing else, no network either: time line, filter, differences, logs, what each test took

A file appears when its report is whole and replaces an older one then; that of json appears at once and grows. A device or FIFO is written into.
No file may be one that is run, or be named twice. A report that cannot be written makes the exit code 3 where it would be 0.

Outcomes   pass  fail  error: an image, the machine, or a script that cannot be understood  skip  not run
           flaky: it passed after attempts that did not (--retries)  xfail: it failed, as the manifest expects  xpass: it passed, and should not

  junit   flaky: <flakyFailure> for each attempt that failed; failed in all attempts: <failure> for the first, <rerunFailure> for the others; xfail: <skipped>; xpass
          and fail: <failure>; error and not run: <error>. A document has a test case for each of its cases.
  tap     xfail: `not ok` with TODO; xpass: `not ok`. A document's cases are a subtest. Tests that were not run have no point: the run bails out.
  ctrf    passed: pass, flaky (`flaky`, `retries`, `retryAttempts`); failed: fail, error, xpass; skipped: skip, xfail; pending: not run; `rawStatus` has the word
          above. A document's cases are its steps. `extra` has the image, memory, processor time and what was left behind.

The last line of the text counts scripts and documents; where documents had cases, a line before it counts those ("cases: ...").

In json each object has "version" and "type", and those about a script "script", "attempt", "sequence" and "time_ns": script_started, phase, command, note, output,
denied, failure, case_ended (a case of a document: "line", "title", "outcome", "reason", "code", "duration_ns", and "file" where it is another document's), log,
script_ended; first comes run_started, and last run_ended with all counts. Bytes that are not UTF-8 are {"base64": "..."}. Types and members are only added.

Left behind   A test is to leave its image as it was: what it makes, changes or removes in the root of a container of ours, outside of $WORK and /tmp, is told
              at its end, a few paths by name: in a failure's report and with -v "[left outside $WORK: ...]", in json "left" of script_ended ("count", "more"
              where not all was looked at, "paths" with "path", "how" and "place"), in junit, tap and ctrf `left_outside_work`. It fails no test. Services and
              `setup:` are for changing things, and nothing is known of the host and of containers of other engines (docker, podman, chroot, here).

Logs of CI jobs   `--ci-output auto` (the default) looks into the environment and changes the text on standard output:

  github  GITHUB_ACTIONS=true: a group around what each test that went wrong has to say; annotations at its lines, at the end and no more than GitHub
          shows; all of it in the step's summary ($GITHUB_STEP_SUMMARY). What tests print commands nothing.
  gitlab  GITLAB_CI=true: sections that unfold. GitLab shows the tests from `artifacts: reports: junit:`.
  none    neither

Shards   Each machine runs a part, `run --shard 1/3 --report json=1.json`, and then `merge 1.json 2.json 3.json` makes one report of it, in any format.
         What is not of one run, is there twice or was changed is refused (2). A missing shard, a file that is cut off, and tests that no shard had
         are errors of that report, and the exit code is 3, or 1 where tests failed.
)";

}  // namespace testctr::cmd
