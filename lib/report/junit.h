// JUnit XML: a suite per script, with one test case, and per document, with one for each case - and one more
// for the document itself where its cases do not say what became of it. A failed expectation is a <failure>;
// an error of the machine, the image or the script's grammar, and a script or a case that was not run, an
// <error>. Of several attempts Surefire's elements tell: <flakyFailure> of those before one that passed, and
// of a test that never did <failure> for its first and <rerunFailure> for each further one. A test that was
// expected to fail, and did, is <skipped>.
#pragma once

#include <string>

#include "report/collector.h"
#include "report/spill.h"
#include "report/writer.h"

namespace testctr::report {

class Junit : public Reporter {
 public:
  /// @param work as for render_log.
  explicit Junit(Writer& out, std::string work = "/work");
  void run_started(const RunStart& start) override;
  void script_ended(const ScriptReport& script) override;
  /// Writes all of it.
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return suites_.status(); }

 private:
  Writer& out_;
  std::string work_;
  uint64_t started_ns_ = 0;  ///< wall clock
  Spill suites_;
  CaseCounts counts_;  ///< of the test cases that are written
};

}  // namespace testctr::report
