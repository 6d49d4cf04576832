// TAP version 14: one test point per script, in the order in which they end, with a YAML block for what went
// wrong. The cases of a document are a subtest in front of its point.
#pragma once

#include "report/collector.h"
#include "report/writer.h"

namespace testctr::report {

class Tap : public Reporter {
 public:
  /// @param work as for render_log.
  explicit Tap(Writer& out, std::string work = "/work") : out_(out), work_(std::move(work)) {}
  void run_started(const RunStart& start) override;
  void script_ended(const ScriptReport& script) override;
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return out_.status(); }

 private:
  void write_cases(const ScriptReport& script);

  Writer& out_;
  std::string work_;
  size_t number_ = 0;
};

}  // namespace testctr::report
