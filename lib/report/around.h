// A Reporter that adds something to another one.
#pragma once

#include <memory>

#include "report/collector.h"

namespace testctr::report {

/// Hands everything on; what is derived from it does something before and after.
class Around : public Reporter {
 public:
  explicit Around(std::unique_ptr<Reporter> inner) : inner_(std::move(inner)) {}
  void run_started(const RunStart& start) override { inner_->run_started(start); }
  void event(const Event& event) override { inner_->event(event); }
  void script_started(const ScriptReport& script) override { inner_->script_started(script); }
  void attempt_ended(const ScriptReport& script) override { inner_->attempt_ended(script); }
  void script_ended(const ScriptReport& script) override { inner_->script_ended(script); }
  void run_ended(const RunEnding& ending, const Tally& tally) override { inner_->run_ended(ending, tally); }
  [[nodiscard]] Status status() const override { return inner_->status(); }

 protected:
  [[nodiscard]] Reporter& inner() const { return *inner_; }
  /// Whether a script's own part of the text is long: it is folded.
  static bool is_folded(const ScriptReport& script) {
    return script.outcome != Outcome::not_run && (!is_good(script.outcome) || !script.earlier.empty());
  }

 private:
  std::unique_ptr<Reporter> inner_;
};

}  // namespace testctr::report
