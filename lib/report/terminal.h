// The report for people: a line that moves while scripts run (on a terminal), one line per script, the phase
// log and the failure of each that failed, a summary.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/collector.h"
#include "report/render.h"
#include "report/writer.h"

namespace testctr::report {

struct TerminalOptions {
  bool colour = false;
  bool live = false;     ///< a line of progress on the second writer, wiped before anything else is written
  bool verbose = false;  ///< the log of every script, and scripts that were not run
  bool quiet = false;    ///< only what went wrong, and the summary
  size_t columns = 80;
  std::string work = "/work";  ///< $WORK in the place
  std::vector<std::string> first =
      {};  ///< lines above all others, also when quiet: what the run as a whole lacks
};

/// Whether to use colours on `fd`: NO_COLOR and --no-color say no, FORCE_COLOR and CLICOLOR_FORCE say yes,
/// else a terminal that is not dumb.
bool wants_colour(int fd, bool forbidden);
/// Whether `fd` is a terminal on which a line can be rewritten.
bool is_live_terminal(int fd);
/// The width of the terminal `fd`, 80 when it does not say.
size_t columns_of(int fd);

class Terminal : public Reporter {
 public:
  /// @param out results. @param live for the line of progress. Both must outlive this.
  Terminal(Writer& out, Writer& live, TerminalOptions options)
      : out_(out), live_(live), options_(std::move(options)) {}
  void run_started(const RunStart& start) override;
  void script_started(const ScriptReport& script) override;
  void script_ended(const ScriptReport& script) override;
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return out_.status(); }

 private:
  std::string painted(Style style, std::string_view line) const;
  void head(const ScriptReport& script, std::string& text) const;
  void render_whole(const ScriptReport& script, const TakeLine& take) const;
  void progress();
  void wipe();

  Writer& out_;
  Writer& live_;
  TerminalOptions options_;
  size_t scripts_ = 0, ended_ = 0, bad_ = 0;
  std::map<uint32_t, std::string> running_;
  bool line_shown_ = false;
};

}  // namespace testctr::report
