#include "report/tap.h"

#include "base/text.h"
#include "report/render.h"

namespace testctr::report {
namespace {

/// A description or a reason: one line in which `#` and `\` are escaped.
std::string escaped(std::string_view raw) {
  std::string out;
  for (char c : text::printable(raw)) {
    if (c == '#' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// A YAML scalar in double quotes. What text::printable makes of a control byte contains a backslash, which
/// is escaped here again: the reader of the YAML sees \x1b as four characters.
std::string scalar(std::string_view raw) {
  std::string out = "\"";
  for (char c : text::printable(raw, /* keep_layout= */ true)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

void put(std::string& yaml, std::string_view key, std::string_view value, std::string_view indent = "  ") {
  if (!value.empty()) yaml += fmt::format("{}{}: {}\n", indent, key, scalar(value));
}

std::string diagnostics(const ScriptReport& script, std::string_view work) {
  std::string yaml = "  ---\n";
  put(yaml, "message", summary_of(script, work));
  put(yaml, "severity", script.outcome == Outcome::fail ? "fail" : "error");
  yaml += "  at:\n";
  put(yaml, "file", text::printable(script.name), "    ");
  const uint32_t line = script.failures.empty() ? script.line : script.failures.front().line;
  if (line != 0) yaml += fmt::format("    line: {}\n", line);
  if (!script.failures.empty()) {
    const Failure& failure = script.failures.front().failure;
    put(yaml, "command", failure.command);
    put(yaml, "expected", failure.expected.substr(0, shown_value));
    put(yaml, "actual", failure.actual.substr(0, shown_value));
    put(yaml, "hint", failure.hint);
  }
  put(yaml, "image", script.image);
  yaml += fmt::format("  duration_ms: {:.3f}\n", static_cast<double>(script.duration_ns) / 1e6);
  // One scalar, not a list of lines: TAP::Parser takes a list's `- "a: b"` for a map.
  std::string log;
  const TakeLine take = [&](Style, std::string_view text) {
    log += text;
    log += '\n';
  };
  render_log(script, work, take);
  render_failures(script, work, take);
  put(yaml, "log", log);
  return yaml + "  ...\n";
}

}  // namespace

void Tap::run_started(size_t scripts) {
  std::string text = fmt::format("TAP version 14\n1..{}", scripts);
  if (scripts == 0) text += " # SKIP nothing was selected";
  out_.write(text + "\n");
}

void Tap::script_ended(const ScriptReport& script) {
  // Scripts that were not run are told of by the bail-out: a point for them would be a verdict.
  if (script.outcome == Outcome::not_run) return;
  const bool good = script.outcome == Outcome::pass || script.outcome == Outcome::skip;
  std::string text = fmt::format("{} {} - {}", good ? "ok" : "not ok", ++number_, escaped(script.name));
  if (script.outcome == Outcome::skip)
    text += fmt::format(" # SKIP {}", escaped(script.reason.substr(0, script.reason.find('\n'))));
  text += "\n";
  if (!good) text += diagnostics(script, work_);
  out_.write(text);
}

void Tap::run_ended(const RunEnding& ending, const Tally& tally) {
  out_.write(fmt::format("# {}\n", tally.line(ending)));
  if (ending.signal != 0) {
    out_.write("Bail out! interrupted\n");
  } else if (ending.timed_out) {
    out_.write("Bail out! the run's time limit was reached\n");
  } else if (tally.of(Outcome::not_run) > 0) {
    out_.write(fmt::format("Bail out! {} scripts were not run\n", tally.of(Outcome::not_run)));
  }
}

}  // namespace testctr::report
