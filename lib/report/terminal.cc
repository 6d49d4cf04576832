#include "report/terminal.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "report/times.h"

namespace testctr::report {
namespace {

constexpr size_t buffer_most = size_t{64} << 10;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::title:
      return "\x1b[1m";
    case Style::command:
      return "\x1b[36m";
    case Style::note:
      return "\x1b[2m";
    case Style::failure:
      return "\x1b[1;31m";
    case Style::removed:
      return "\x1b[31m";
    case Style::added:
      return "\x1b[32m";
    case Style::hint:
      return "\x1b[33m";
    case Style::warning:
      return "\x1b[33m";
  }
  return "";
}

struct Label {
  std::string_view word;
  std::string_view code;
};

Label label_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return {"ok   ", "\x1b[32m"};
    case Outcome::fail:
      return {"FAIL ", "\x1b[1;31m"};
    case Outcome::error:
      return {"ERROR", "\x1b[1;35m"};
    case Outcome::skip:
      return {"SKIP ", "\x1b[33m"};
    case Outcome::not_run:
      return {"STOP ", "\x1b[33m"};
    case Outcome::flaky:
      return {"FLAKY", "\x1b[33m"};
    case Outcome::xfail:
      return {"xfail", "\x1b[32m"};
    case Outcome::xpass:
      return {"XPASS", "\x1b[1;31m"};
  }
  return {"?    ", ""};
}

}  // namespace

bool wants_colour(int fd, bool forbidden) {
  if (forbidden || is_set("NO_COLOR")) return false;
  for (const char* name : {"FORCE_COLOR", "CLICOLOR_FORCE"}) {
    if (is_set(name)) return std::string_view(std::getenv(name)) != "0";
  }
  return is_live_terminal(fd);
}

bool is_live_terminal(int fd) { return ::isatty(fd) == 1 && !is_dumb(); }

size_t columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string Terminal::painted(Style style, std::string_view line) const {
  const std::string safe = text::printable(line, /* keep_layout= */ true);
  const std::string_view code = code_of(style);
  if (!options_.colour || code.empty()) return safe + "\n";
  return fmt::format("{}{}\x1b[0m\n", code, safe);
}

void Terminal::head(const ScriptReport& script, std::string& text) const {
  const Label label = label_of(script.outcome);
  text += options_.colour ? fmt::format("{}{}\x1b[0m", label.code, label.word) : std::string(label.word);
  text += fmt::format(" {} ({})", text::printable(script.name), seconds(script.duration_ns));
  const std::string reason = summary_of(script, options_.work);
  bool first = true;
  for (std::string_view line : text::lines(reason)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    text += fmt::format("{}{}", first ? ": " : "\n      ", text::printable(line));
    // A failure's further lines are part of what follows.
    if (script.outcome == Outcome::fail) break;
    first = false;
  }
  text += "\n";
}

void Terminal::run_started(const RunStart& start) {
  scripts_ = start.scripts;
  for (const std::string& line : options_.first) out_.write(painted(Style::note, line));
}

void Terminal::script_started(const ScriptReport& script) {
  running_[script.index] = script.name;
  progress();
}

void Terminal::script_ended(const ScriptReport& script) {
  running_.erase(script.index);
  ++ended_;
  const bool bad = !is_good(script.outcome) && script.outcome != Outcome::not_run;
  if (bad) ++bad_;
  const bool started = !script.log.empty() || !script.cases.empty();
  const bool unreached = script.outcome == Outcome::not_run && !started;
  if ((options_.quiet && !bad) || (unreached && !options_.verbose)) return progress();

  wipe();
  std::string text;
  head(script, text);
  // What stands above all is not said again of each script.
  const auto said = [&](std::string_view line) {
    return std::any_of(options_.first.begin(), options_.first.end(),
                       [&](const std::string& first) { return line == fmt::format("[{}]", first); });
  };
  const TakeLine take = [&](Style style, std::string_view line) {
    if (style != Style::plain && said(line)) return;
    text += painted(style, line);
    if (text.size() > buffer_most) {
      out_.write(text);
      text.clear();
    }
  };
  for (const ScriptReport& attempt : script.earlier) {
    take(Style::note,
         fmt::format("[attempt {}: {}]", attempt.attempt + 1, summary_of(attempt, options_.work)));
    render_whole(attempt, take);
  }
  if (!script.earlier.empty() && bad) take(Style::note, fmt::format("[attempt {}]", script.attempt + 1));
  if (bad || options_.verbose) {
    render_whole(script, take);
  } else {
    for (const std::string& message : script.messages)
      if (!said(fmt::format("[{}]", message))) take(Style::warning, fmt::format("      {}", message));
  }
  out_.write(text);
  progress();
}

void Terminal::render_whole(const ScriptReport& script, const TakeLine& take) const {
  if (!script.cases.empty()) return render_document(script, options_.work, options_.verbose, take);
  render_log(script, options_.work, take);
  render_failures(script, options_.work, take);
}

void Terminal::run_ended(const RunEnding& ending, const Tally& tally) {
  wipe();
  for (const std::string& line : {tally.cases_line(), tally.kinds_line()}) {
    if (!line.empty()) out_.write(line + "\n");
  }
  const std::string line = tally.line(ending);
  if (!options_.colour) return out_.write(line + "\n");
  const std::string_view code = tally.exit_code(ending) == 0 ? "\x1b[1;32m" : "\x1b[1;31m";
  out_.write(fmt::format("{}{}\x1b[0m\n", code, line));
}

void Terminal::progress() {
  if (!options_.live || running_.empty()) return wipe();
  std::string line = fmt::format("[{}/{}", ended_, scripts_);
  line += bad_ == 0 ? "] " : fmt::format(", {} bad] ", bad_);
  bool first = true;
  for (const auto& [index, name] : running_) {
    line += fmt::format("{}{}", first ? "" : ", ", text::printable(name));
    first = false;
  }
  // Cut by bytes: a character too few on a line that is wiped anyway. Never within a UTF-8 sequence.
  if (line.size() >= options_.columns) {
    size_t size = options_.columns > 4 ? options_.columns - 4 : 0;
    while (size > 0 && (static_cast<unsigned char>(line[size]) & 0xc0) == 0x80) --size;
    line = line.substr(0, size) + "...";
  }
  live_.write("\r\x1b[K" + line);
  line_shown_ = true;
}

void Terminal::wipe() {
  if (!line_shown_) return;
  live_.write("\r\x1b[K");
  line_shown_ = false;
}

}  // namespace testctr::report
