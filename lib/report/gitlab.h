// The text report in the log of a GitLab job: what a failed test has to say is a section that unfolds. GitLab
// reads JUnit XML (`artifacts:reports:junit`) for all else.
#pragma once

#include "report/around.h"
#include "report/writer.h"

namespace testctr::report {

class Gitlab : public Around {
 public:
  /// @param inner writes to `out`, too, and makes escape sequences of others visible, so that no output
  /// begins or ends a section
  Gitlab(Writer& out, std::unique_ptr<Reporter> inner, std::string work = "/work")
      : Around(std::move(inner)), out_(out), work_(std::move(work)) {}
  void script_ended(const ScriptReport& script) override;

 private:
  Writer& out_;
  std::string work_;
  size_t number_ = 0;
};

}  // namespace testctr::report
