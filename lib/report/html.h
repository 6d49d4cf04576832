// One HTML page that needs nothing else: summary, time line, and a list of tests that can be filtered and
// opened. The data is JSON inside the page, of each test apart, so that thousands of them cost nothing until
// one is looked at; the page's script (html_page.h) puts text into the page and never markup.
#pragma once

#include "report/collector.h"
#include "report/spill.h"
#include "report/writer.h"

namespace testctr::report {

class Html : public Reporter {
 public:
  /// @param work as for render_log.
  explicit Html(Writer& out, std::string work = "/work") : out_(out), work_(std::move(work)) {}
  void run_started(const RunStart& start) override;
  void script_ended(const ScriptReport& script) override;
  /// Writes all of it.
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override;

 private:
  Writer& out_;
  std::string work_;
  RunStart start_;
  size_t tests_ = 0;
  Spill list_;     ///< of each test, what the list shows
  Spill details_;  ///< of each test, what it has to say
  Spill wrong_;    ///< the titles of those with which something is wrong, for who runs no scripts
};

}  // namespace testctr::report
