// What a reporter is told of one script once it has ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpret/event.h"
#include "report/log.h"

namespace testctr::report {

struct FailureAt {
  uint32_t line = 0;
  std::string file;  ///< whose line, where it is not the script's own
  Failure failure;
  std::string shown_stream;            ///< the output that the failure itself shows: "stdout", "stderr"
  std::optional<size_t> of_case = {};  ///< index of the case, once that has ended
  std::string place = {};              ///< where the line was carried out; empty: where all were
};

/// A case of a document.
struct CaseReport {
  uint32_t line = 0;
  std::string file;  ///< whose line, where it is not the document's own
  std::string name;  ///< its title or the first line of its command, in one line and not long
  bool titled = false;
  Outcome outcome = Outcome::not_run;
  std::string reason;  ///< why it did not pass, in short
  std::optional<int> code;
  int64_t duration_ns = 0;
  Log::Range log;  ///< what it printed, as far as it is kept
  bool operator==(const CaseReport&) const = default;
};

/// How many cases ended how.
struct CaseCounts {
  uint64_t passed = 0, failed = 0, errors = 0, skipped = 0, not_run = 0;
  void count(Outcome outcome);
  void add(const CaseCounts& more);
  [[nodiscard]] uint64_t total() const { return passed + failed + errors + skipped + not_run; }
  bool operator==(const CaseCounts&) const = default;
};

struct ScriptReport {
  explicit ScriptReport(bool everything) : log(everything) {}

  uint32_t index = 0;  ///< in the plan
  std::string name;
  std::string file;  ///< where it stands, if that is not its name
  std::string image;
  Outcome outcome = Outcome::not_run;
  std::string reason;  ///< of a skip, an error, a script that was not run; what the manifest says of an xfail
  std::string fault;   ///< of an error: "usage", "infrastructure", "internal"
  uint32_t line = 0;   ///< the last line that was carried out
  std::string command;              ///< that line as written
  std::string place = "container";  ///< where it was carried out
  bool several_places = false;      ///< not all lines were carried out in the container that a test has
  int64_t duration_ns = 0;
  int64_t started_ns = 0;             ///< since the run began
  uint64_t peak_memory = 0;           ///< bytes, of all its places; 0: unknown
  int64_t cpu_ns = 0;                 ///< of all its places; 0: unknown
  Leftovers left;                     ///< in the images of its containers
  uint32_t attempt = 0;               ///< from 0
  std::vector<ScriptReport> earlier;  ///< the attempts before this one, none of which passed
  std::vector<CaseReport> cases;      ///< of a document, those that have ended
  CaseCounts counts;                  ///< of `cases`
  std::vector<FailureAt> failures;    ///< the first 100
  uint64_t failures_left_out = 0;     ///< those after them
  std::vector<Denial> denials;        ///< the first 100, one per line, program and system call
  std::vector<std::string> messages;  ///< of the runner: limits that fell back; the first 100
  Log log;

  /// The file that it stands in; people know it by its name.
  [[nodiscard]] const std::string& source() const { return file.empty() ? name : file; }
  /// The file of something that is said of it. @param other empty: its own
  [[nodiscard]] const std::string& source(const std::string& other) const {
    return other.empty() ? source() : other;
  }
  /// Whether what became of it is more than its cases say: it was stopped from outside, or is an error
  /// itself.
  [[nodiscard]] bool beyond_cases() const;
  /// The failure that a summary names: the first, but what stopped a document from outside before its cases'.
  /// Null: there is none.
  [[nodiscard]] const FailureAt* main_failure() const;
};

}  // namespace testctr::report
