#include "report/tally.h"

#include "report/times.h"

namespace testctr::report {

void Tally::count(Outcome outcome, const std::string& fault) {
  ++counts_[static_cast<size_t>(outcome)];
  if (outcome != Outcome::error) return;
  usage_ = usage_ || fault == "usage";
  infrastructure_ = infrastructure_ || fault == "infrastructure";
  internal_ = internal_ || (fault != "usage" && fault != "infrastructure");
}

uint64_t Tally::passed() const {
  return of(Outcome::pass) + of(Outcome::xfail) + (flaky_fails_ ? 0 : of(Outcome::flaky));
}

uint64_t Tally::failed() const {
  return of(Outcome::fail) + of(Outcome::xpass) + (flaky_fails_ ? of(Outcome::flaky) : 0);
}

std::string Tally::kinds_line() const {
  std::string line;
  for (const auto& [outcome, text] : {std::pair{Outcome::flaky, "flaky"},
                                      {Outcome::xfail, "failed as expected"},
                                      {Outcome::xpass, "passed though expected to fail"}}) {
    if (of(outcome) > 0) line += fmt::format(", {} {}", of(outcome), text);
  }
  return line.empty() ? "" : "of these" + line;
}

std::string_view RunEnding::stopped() const {
  if (signal != 0) return "interrupted";
  if (timed_out) return "the run's time limit was reached";
  return failed_fast ? "stopped at the first failure" : "";
}

uint64_t Tally::total() const {
  uint64_t sum = 0;
  for (uint64_t n : counts_) sum += n;
  return sum;
}

int Tally::exit_code(const RunEnding& ending) const {
  if (ending.signal != 0) return 128 + ending.signal;
  if (ending.timed_out) return 124;
  if (internal_ || (of(Outcome::not_run) > 0 && !ending.failed_fast)) return 5;
  if (failed() > 0) return 1;
  if (usage_) return 2;
  if (infrastructure_) return 3;
  return total() == 0 && !ending.empty_shard ? 4 : 0;
}

std::string Tally::line(const RunEnding& ending) const {
  std::string text =
      fmt::format("{} passed, {} failed, {} errors, {} skipped, {} not run in {}", passed(), failed(),
                  of(Outcome::error), of(Outcome::skip), of(Outcome::not_run), seconds(ending.duration_ns));
  if (!ending.stopped().empty()) text += fmt::format(": {}", ending.stopped());
  if (ending.not_tests > 0) {
    text += fmt::format(" ({} file{} passed over: not tests)", ending.not_tests,
                        ending.not_tests == 1 ? "" : "s");
  }
  return text;
}

std::string Tally::cases_line() const {
  if (cases_.total() == 0) return "";
  return fmt::format("cases: {} passed, {} failed, {} errors, {} skipped, {} not run", cases_.passed,
                     cases_.failed, cases_.errors, cases_.skipped, cases_.not_run);
}

}  // namespace testctr::report
