// What a reporter is told of one script once it has ended.
#pragma once

#include <string>
#include <vector>

#include "interpret/event.h"
#include "report/log.h"

namespace testctr::report {

struct FailureAt {
  uint32_t line = 0;
  std::string file;  ///< whose line, where it is not the script's own
  Failure failure;
};

/// A case of a document.
struct CaseReport {
  uint32_t line = 0;
  std::string file;  ///< whose line, where it is not the document's own
  std::string title;
  Outcome outcome = Outcome::not_run;
  std::string reason;
  int64_t duration_ns = 0;
};

struct ScriptReport {
  explicit ScriptReport(bool everything) : log(everything) {}

  uint32_t index = 0;  ///< in the plan
  std::string name;
  std::string image;
  Outcome outcome = Outcome::not_run;
  std::string reason;   ///< of a skip, an error, a script that was not run
  std::string fault;    ///< of an error: "usage", "infrastructure", "internal"
  uint32_t line = 0;    ///< the last line that was carried out
  std::string command;  ///< that line as written
  int64_t duration_ns = 0;
  int64_t started_ns = 0;             ///< since the run began
  std::vector<CaseReport> cases;      ///< of a document, those that have ended
  std::vector<FailureAt> failures;    ///< the first 100
  std::vector<Denial> denials;        ///< the first 100, one per line, program and system call
  std::vector<std::string> messages;  ///< of the runner: limits that fell back; the first 100
  Log log;
};

}  // namespace testctr::report
