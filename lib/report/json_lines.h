// The report for programs: one JSON object a line, as things happen.
//
// Every object has "version" (1) and "type". Bytes (names, outputs, texts) are a string when they are UTF-8,
// else {"base64": "..."}. Times are nanoseconds since the run began, durations nanoseconds. What is empty or
// unknown is left out. Within a version members and types are only added.
//
//   run_started     scripts, program ("testctr-script 0.1.0"), parallel, seed (of --shuffle); selection
//                   (SHA-256 of the names of all that were selected, in all shards), selected (how many), and
//                   of a shard shard (from 1), shards, sharded_by; setups (the names of
//                   those that only set up an image, which are not among the selected), unix_ns (when it
//                   began, since the epoch)
//   script_started  name, image; file, where the test's name is not its file's
//   phase           line, title
//   command         line, text as written
//   note            line, text: "[exit status 1]", "[condition not met]", ...
//   output          stream ("stdout" or "stderr"), data
//   denied          line, program, syscall, count: a system call that the filter refused
//   failure         line, command (arguments expanded), reason, expected, actual, diff, hint, stream (of a
//                   case: of the output that expected, actual or diff show)
//   case_ended      of a document: line (of its "$"), title, outcome, reason, code (exit status, or 128 + N
//                   for signal N; left out when it was not run to its end), duration_ns. Its commands,
//                   outputs and failures came before it; one that runs beside others ends when the document
//                   does.
//   log             text: a message of the runner about the script
//   script_ended    outcome ("pass", "fail", "error", "skip", "not_run", "flaky": it passed after attempts
//                   that had not, "xfail": it failed as expected, "xpass": it passed though it was expected
//                   to fail), last (false where another attempt follows), reason, fault of an error ("usage",
//                   "infrastructure", "internal"), line (the last carried out), duration_ns, peak_memory
//                   (bytes), cpu_ns, left (of a test in containers of our own: what it has left in their
//                   images outside of $WORK and /tmp: count, more (true where not all was looked at), paths:
//                   of up to 10 of them each path, how ("created", "changed", "removed", "replaced"), place)
//   run_ended       passed, failed, errors, skipped, not_run (scripts and documents), how many of these were
//                   flaky, xfail, xpass, cases (the same five of the cases, when there were any), not_tests,
//                   timed_out, failed_fast, incomplete (of a merge), signal, duration_ns, exit_code
//
// From script_started to script_ended each has also "script" (a number, the same for one script), "attempt",
// "place", "sequence" (counts up within a script) and "time_ns"; and "file" where the line is not the
// script's own but that of a document that it includes.
#pragma once

#include "report/collector.h"
#include "report/writer.h"

namespace testctr::report {

class JsonLines : public Reporter {
 public:
  explicit JsonLines(Writer& out) : out_(out) {}
  void run_started(const RunStart& start) override;
  void event(const Event& event) override;
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return out_.status(); }

 private:
  Writer& out_;
};

}  // namespace testctr::report
