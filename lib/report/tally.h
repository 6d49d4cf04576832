// Counts how scripts ended and says what exit code that makes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "interpret/event.h"

namespace testctr::report {

/// How the run as a whole ended.
struct RunEnding {
  int signal = 0;          ///< SIGINT or SIGTERM stopped it; 0: none did
  bool timed_out = false;  ///< the time limit of the run
  uint64_t not_tests = 0;  ///< files in named folders that were passed over
  int64_t duration_ns = 0;
};

class Tally {
 public:
  /// Counts a script. @param fault of an error: "usage", "infrastructure" or "internal".
  void count(Outcome outcome, const std::string& fault);
  [[nodiscard]] uint64_t of(Outcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }
  [[nodiscard]] uint64_t total() const;
  /// The first that holds of 128 + signal, 124, 5, 1, 2, 3, 4; else 0. Scripts that were not run though
  /// nothing stopped the run are a defect (5).
  [[nodiscard]] int exit_code(const RunEnding& ending) const;
  /// "3 passed, 1 failed, 0 errors, 0 skipped, 0 not run in 1.2s", and what was passed over.
  [[nodiscard]] std::string line(const RunEnding& ending) const;

 private:
  std::array<uint64_t, 5> counts_{};
  bool usage_ = false, infrastructure_ = false, internal_ = false;
};

}  // namespace testctr::report
