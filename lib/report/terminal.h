// The report for people: a line that moves while scripts run (on a terminal), one line per script, the phase
// log and the failure of each that failed, a summary. `plain` says all of it in words, a line for each thing
// that happens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/collector.h"
#include "report/looks.h"
#include "report/progress.h"
#include "report/render.h"
#include "report/writer.h"

namespace testctr::report {

struct TerminalOptions {
  Palette palette = Palette::none;
  bool plain = false;      ///< for who hears it: words in place of signs, no colours, nothing drawn anew
  bool verbose = false;    ///< the log of every script, and scripts that were not run
  bool quiet = false;      ///< only what went wrong, and the summary
  bool person = false;     ///< for who looks at it while it runs: what is told at length stands apart
  std::string again = {};  ///< for such a person: the last line, when something has failed or has not run
  ProgressOptions progress = {};
  std::string work = "/work";  ///< $WORK in the place
  std::vector<std::string> first =
      {};  ///< lines above all others, also when quiet: what the run as a whole lacks
};

/// Which colours to use on `fd`: NO_COLOR and `never` say none, FORCE_COLOR and CLICOLOR_FORCE say some (but
/// for 0), else a terminal that is not dumb has some. @param always as FORCE_COLOR, and NO_COLOR is not asked
Palette palette_for(int fd, bool never, bool always);
/// Whether `fd` is a terminal on which a line can be rewritten.
bool is_live_terminal(int fd);
/// The width of the terminal `fd` at this moment, 80 when it does not say.
size_t columns_of(int fd);

class Terminal : public Reporter {
 public:
  /// @param out results. @param live for the line of progress. Both must outlive this.
  Terminal(Writer& out, Writer& live, TerminalOptions options);
  void run_started(const RunStart& start) override;
  void script_started(const ScriptReport& script) override;
  void tick() override;
  void script_ended(const ScriptReport& script) override;
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return out_.status(); }

 private:
  [[nodiscard]] std::string styled(Style style, std::string_view line) const;
  void head(const ScriptReport& script, std::string& text) const;
  void details(const ScriptReport& script, bool bad, const TakeLine& take) const;
  void render_whole(const ScriptReport& script, const TakeLine& take) const;
  [[nodiscard]] bool said_above(std::string_view line) const;
  void say(const std::string& line);
  void tell_started();

  Writer& out_;
  TerminalOptions options_;
  Progress progress_;
  /// A test that is said to have begun and of which that is not told yet: those that do not come to run are
  /// begun and ended in one go.
  std::optional<std::pair<uint32_t, std::string>> begun_;
  bool at_length_ = false;  ///< what was written last has several lines
};

}  // namespace testctr::report
