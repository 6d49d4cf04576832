#include "report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

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

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_dumb() {
  const std::string_view term = variable("TERM");
  return term.empty() || term == "dumb";
}

/// Whether the terminal knows 256 colours, as far as the environment says. What is no terminal is read by
/// programs that know them, or by none.
bool has_fixed_colours(int fd) {
  const std::string_view term = variable("TERM");
  return ::isatty(fd) != 1 || is_set("COLORTERM") || term.find("256") != std::string_view::npos ||
         term.find("direct") != std::string_view::npos;
}

}  // namespace

Palette palette_for(int fd, bool never, bool always) {
  if (never || (!always && is_set("NO_COLOR"))) return Palette::none;
  bool wanted = always || is_live_terminal(fd);
  if (!always) {
    for (const char* name : {"FORCE_COLOR", "CLICOLOR_FORCE"}) {
      if (!is_set(name)) continue;
      wanted = variable(name) != "0";
      break;
    }
  }
  if (!wanted) return Palette::none;
  return has_fixed_colours(fd) ? Palette::fixed : Palette::basic;
}

bool is_live_terminal(int fd) { return ::isatty(fd) == 1 && !is_dumb(); }

size_t columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Terminal::Terminal(Writer& out, Writer& live, TerminalOptions options)
    : out_(out),
      options_(std::move(options)),
      progress_(live, options_.progress, [this](const std::string& line) { say(line); }) {}

std::string Terminal::styled(Style style, std::string_view line) const {
  const std::string safe = text::printable(line, /* keep_layout= */ true);
  return painted(code_of(style, options_.palette), safe) + "\n";
}

void Terminal::say(const std::string& line) {
  progress_.wipe();
  out_.write(styled(Style::note, line));
}

void Terminal::head(const ScriptReport& script, std::string& text) const {
  const std::string name = text::printable(script.name);
  const std::string time = seconds(script.duration_ns);
  if (options_.plain) {
    text += fmt::format("{}: {} in {}", word_of(script.outcome), name, time);
  } else {
    const std::string label = painted(code_of(script.outcome, options_.palette), label_of(script.outcome));
    text += fmt::format("{} {} ({})", label, name, time);
  }
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
  const size_t scripts = start.scripts;
  progress_.run_started(scripts);
  for (const std::string& line : options_.first) out_.write(styled(Style::note, line));
  if (options_.plain && !options_.quiet)
    out_.write(fmt::format("{} {} to run\n", scripts, scripts == 1 ? "test" : "tests"));
}

void Terminal::script_started(const ScriptReport& script) {
  tell_started();
  if (options_.plain && !options_.quiet) begun_.emplace(script.index, script.name);
  progress_.started(script.index, script.name);
}

void Terminal::tell_started() {
  if (!begun_) return;
  out_.write(fmt::format("started: {}\n", text::printable(begun_->second)));
  begun_.reset();
}

void Terminal::tick() {
  tell_started();
  progress_.tick();
}

bool Terminal::said_above(std::string_view line) const {
  return std::any_of(options_.first.begin(), options_.first.end(),
                     [&](const std::string& first) { return line == fmt::format("[{}]", first); });
}

void Terminal::details(const ScriptReport& script, bool bad, const TakeLine& take) const {
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
      if (!said_above(fmt::format("[{}]", message))) take(Style::warning, fmt::format("      {}", message));
  }
}

void Terminal::render_whole(const ScriptReport& script, const TakeLine& take) const {
  if (!script.cases.empty()) {
    render_document(script, options_.work, options_.verbose, take);
  } else {
    render_log(script, options_.work, take);
    render_failures(script, options_.work, take);
  }
  render_left(script, take);
}

void Terminal::script_ended(const ScriptReport& script) {
  const bool bad = !is_good(script.outcome) && script.outcome != Outcome::not_run;
  progress_.ended(script.index, bad);
  const bool started = !script.log.empty() || !script.cases.empty();
  const bool unreached = script.outcome == Outcome::not_run && !started;
  if (begun_ && begun_->first == script.index && script.duration_ns == 0 && !started) begun_.reset();
  tell_started();
  if ((options_.quiet && !bad) || (unreached && !options_.verbose)) return progress_.tick();

  progress_.wipe();
  std::string text = at_length_ ? "\n" : "";
  head(script, text);
  at_length_ = false;
  InWords in_words;
  details(script, bad, [&](Style style, std::string_view line) {
    // What stands above all is not said again of each script.
    if (style != Style::plain && said_above(line)) return;
    at_length_ = options_.person && (bad || options_.verbose);
    text += styled(style, options_.plain ? in_words(style, line) : line);
    if (text.size() > buffer_most) {
      out_.write(text);
      text.clear();
    }
  });
  out_.write(text);
  progress_.tick();
}

void Terminal::run_ended(const RunEnding& ending, const Tally& tally) {
  progress_.wipe();
  if (at_length_) out_.write("\n");
  for (const std::string& line : {tally.cases_line(), tally.kinds_line()}) {
    if (!line.empty()) out_.write(line + "\n");
  }
  const bool good = tally.exit_code(ending) == 0;
  const std::string_view code =
      good ? code_of(Outcome::pass, options_.palette) : code_of(Outcome::fail, options_.palette);
  out_.write(painted(code, tally.line(ending)) + "\n");
  if (!good && options_.person && !options_.again.empty()) out_.write(styled(Style::note, options_.again));
}

}  // namespace testctr::report
