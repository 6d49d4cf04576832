// A script made of commands that were typed, with what they print.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/event.h"

namespace testctr::cmd {

/// What was typed, and the line of a script that does it.
struct TypedCommand {
  std::string typed;
  std::string line;        ///< without what stands before a command
  bool program = false;    ///< it prints, and has an exit status
  bool plain = false;      ///< `exec NAME ...`, which the image may not have as a program
  bool several = false;    ///< it has several lines, which stand in a file
  std::string left_out{};  ///< why it is not recorded
};

/// A command as a line: `cd` and settings of variables are the script's own, words without a meaning for a
/// shell a plain `exec`, all else `exec sh -c '...'`.
TypedCommand typed_command(const std::string& typed);
/// By the shell, whatever it is.
TypedCommand by_shell(const std::string& typed);
/// What to say of a command that is to change the shell, which in a script none sees any more.
std::optional<std::string> lost_effect(const TypedCommand& command);
/// Its first line, for messages.
std::string shown_command(const std::string& typed);

/// What happened at a line.
struct ObservedLine {
  std::string out, err;
  bool cut = false;  ///< there was more
  int status = 0;
  std::string signal;   ///< "SIGKILL"; empty: it ended by itself
  bool failed = false;  ///< it was no command that could be carried out, or did not hold
  std::string reason;
};
using Observed = std::map<uint32_t, ObservedLine>;

/// Hears what a script's lines do.
class LineObserver : public EventSink {
 public:
  void take(const Event& event) override;
  [[nodiscard]] const Observed& lines() const { return lines_; }
  [[nodiscard]] const Event& ended() const { return ended_; }

 private:
  Observed lines_;
  Event ended_;
};

/// Runs a script in a fresh container.
using RunScript = std::function<Result<LineObserver>(const std::string& source)>;

struct RecordedScript {
  std::string source;
  std::vector<std::string> notes;  ///< what is left out or not compared, and why
  size_t commands = 0;             ///< those that are in it; none: there is no script
};

/// Runs the commands, writes down what they print, and runs what came of it, until it holds; what is
/// different each time is not compared, and a command that does not end by itself is left out. Errors: of the
/// runs
Result<RecordedScript> record_script(const std::vector<std::string>& typed, const RunScript& run);

/// Until the clock shows another one.
void wait_for_next_second();

}  // namespace testctr::cmd
