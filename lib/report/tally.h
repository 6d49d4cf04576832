// Counts how scripts ended and says what exit code that makes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "interpret/event.h"
#include "report/script_report.h"

namespace testctr::report {

/// How the run as a whole ended.
struct RunEnding {
  int signal = 0;            ///< SIGINT or SIGTERM stopped it; 0: none did
  bool timed_out = false;    ///< the time limit of the run
  bool failed_fast = false;  ///< the first failure was to end it
  bool empty_shard = false;  ///< that there was nothing to run is no mistake
  uint64_t not_tests = 0;    ///< files in named folders that were passed over
  int64_t duration_ns = 0;
  /// Why the run was stopped, in words; empty: it was not.
  [[nodiscard]] std::string_view stopped() const;
};

class Tally {
 public:
  /// Counts a script. @param fault of an error: "usage", "infrastructure" or "internal".
  void count(Outcome outcome, const std::string& fault);
  /// Counts the cases of a document.
  void count(const CaseCounts& cases) { cases_.add(cases); }
  [[nodiscard]] const CaseCounts& cases() const { return cases_; }
  [[nodiscard]] uint64_t of(Outcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }
  /// A flaky test counts as failed from now on.
  void fail_flaky() { flaky_fails_ = true; }
  /// Those that are as they should be, and ran: with the flaky ones, and those that failed as expected.
  [[nodiscard]] uint64_t passed() const;
  /// With those that passed although they should not.
  [[nodiscard]] uint64_t failed() const;
  [[nodiscard]] uint64_t total() const;
  /// The first that holds of 128 + signal, 124, 5, 1, 2, 3, 4; else 0. Scripts that were not run though
  /// nothing stopped the run are a defect (5).
  [[nodiscard]] int exit_code(const RunEnding& ending) const;
  /// "3 passed, 1 failed, 0 errors, 0 skipped, 0 not run in 1.2s", why the run was stopped, and what was
  /// passed over. Scripts and documents: what programs read here never changes its form.
  [[nodiscard]] std::string line(const RunEnding& ending) const;
  /// "cases: 40 passed, 2 failed, 0 errors, 0 skipped, 1 not run", a line of its own; empty when no document
  /// had any.
  [[nodiscard]] std::string cases_line() const;
  /// "of these, 1 flaky, 2 failed as expected, 1 passed though it should fail", a line of its own; empty when
  /// there are none.
  [[nodiscard]] std::string kinds_line() const;

 private:
  std::array<uint64_t, 8> counts_{};
  CaseCounts cases_;
  bool usage_ = false, infrastructure_ = false, internal_ = false, flaky_fails_ = false;
};

}  // namespace testctr::report
