// CTRF, the Common Test Report Format: one JSON document with a test for each script and each document, whose
// cases are its steps. Attempts before the last are its retryAttempts. What the format has no key for (the
// image, processor time, memory) stands in `extra`, the only place for that.
//
// Statuses: passed (also flaky), failed (also errors, and what passed though expected to fail), skipped (also
// what failed as expected), pending (not run); rawStatus is ours.
#pragma once

#include <map>

#include "report/collector.h"
#include "report/spill.h"
#include "report/writer.h"

namespace testctr::report {

class Ctrf : public Reporter {
 public:
  /// @param work as for render_log.
  explicit Ctrf(Writer& out, std::string work = "/work") : out_(out), work_(std::move(work)) {}
  void run_started(const RunStart& start) override;
  void script_ended(const ScriptReport& script) override;
  /// Writes all of it.
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return tests_.status(); }

 private:
  Writer& out_;
  std::string work_;
  RunStart start_;
  Spill tests_;
  std::map<std::string_view, uint64_t> counts_;  ///< of each status
};

}  // namespace testctr::report
