#include "report/script_report.h"

#include <algorithm>

namespace testctr::report {

void CaseCounts::count(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::flaky:
    case Outcome::xfail:
      ++passed;
      return;
    case Outcome::fail:
    case Outcome::xpass:
      ++failed;
      return;
    case Outcome::error:
      ++errors;
      return;
    case Outcome::skip:
      ++skipped;
      return;
    case Outcome::not_run:
      ++not_run;
      return;
  }
}

void CaseCounts::add(const CaseCounts& more) {
  passed += more.passed;
  failed += more.failed;
  errors += more.errors;
  skipped += more.skipped;
  not_run += more.not_run;
}

const FailureAt* ScriptReport::main_failure() const {
  if (failures.empty()) return nullptr;
  const auto other = std::find_if(failures.begin(), failures.end(),
                                  [](const FailureAt& at) { return !at.of_case.has_value(); });
  return beyond_cases() && other != failures.end() ? &*other : &failures.front();
}

bool ScriptReport::beyond_cases() const {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::flaky:
      return false;
    case Outcome::skip:
      return counts.skipped == 0;
    case Outcome::error:
    case Outcome::not_run:
    case Outcome::xfail:
    case Outcome::xpass:
      return true;
    case Outcome::fail:
      break;
  }
  if (counts.failed + counts.errors + counts.not_run == 0) return true;
  // That cases were not run has its failure too; the cases tell it as well.
  return counts.not_run == 0 && std::any_of(failures.begin(), failures.end(),
                                            [](const FailureAt& at) { return !at.of_case.has_value(); });
}

}  // namespace testctr::report
