// `run --watch`: runs again what changes affect. The watcher is a process of its own, and each round a child
// of it that runs as `run` does: a runner has to be alone in its process, and ends as it always does.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "commands.h"
#include "interpret/event.h"
#include "plan/plan.h"
#include "report/collector.h"

namespace testctr::cmd {

inline constexpr Option watch_option{
    .names = "--watch",
    .help =
        "run, then again what is affected whenever a script, its tree, the manifest or a program of --bin\n"
        "changes; on a terminal Enter or a: all, f: failed ones, q: quit (`help every-day`)"};

/// One round of `--watch`, for the process that carries it out.
struct Round {
  bool all = true;
  std::set<std::string> names;  ///< of the tests that are to run, unless all are
  int told_fd = -1;             ///< where is written how each has ended
};

/// Leaves of a plan only the tests of a round, and those that these need.
void keep_round(plan::Plan& plan, const Round& round);

/// Tells the watcher how tests have ended; to be added to the run's reports.
std::unique_ptr<report::Reporter> round_teller(const Round& round);

/// Runs and watches until the user or a signal ends it.
/// @param arguments of `run`, with the user's defaults @param plan_of makes the plan that `run` would make of
/// them @param run carries out a round, in a process of its own, and returns its exit code
/// @return the exit code of the last round, or that of the signal. Errors: the first plan cannot be made;
/// options that exclude each other; inotify is not to be had.
Result<int> watch(const Arguments& arguments, const std::function<Result<plan::Plan>()>& plan_of,
                  const std::function<Result<int>(const Round&)>& run);

}  // namespace testctr::cmd
