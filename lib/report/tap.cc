#include "report/tap.h"

#include <algorithm>

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
  const std::string text = text::printable(raw, /* keep_layout= */ true);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    // YAML's text has no U+FFFE and U+FFFF, but for their escapes.
    if (const std::string_view three = std::string_view(text).substr(i, 3);
        three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") {
      out += three[2] == '\xbe' ? "\\ufffe" : "\\uffff";
      i += 2;
    } else if (c == '\n') {
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

/// A block of diagnostics; a test point of a subtest stands deeper.
class Diagnostics {
 public:
  explicit Diagnostics(std::string_view indent) : indent_(fmt::format("{}  ", indent)) {
    text_ = indent_ + "---\n";
  }
  void put(std::string_view key, std::string_view value) {
    if (!value.empty()) text_ += fmt::format("{}{}: {}\n", indent_, key, scalar(value));
  }
  void put_place(std::string_view file, uint32_t line) {
    text_ += fmt::format("{}at:\n{}  file: {}\n", indent_, indent_, scalar(text::printable(file)));
    if (line != 0) text_ += fmt::format("{}  line: {}\n", indent_, line);
  }
  void put_failure(const Failure& failure) {
    put("command", failure.command.substr(0, shown_value));
    put("expected", failure.expected.substr(0, shown_value));
    put("actual", failure.actual.substr(0, shown_value));
    put("hint", failure.hint);
  }
  void put_duration(int64_t ns) {
    text_ += fmt::format("{}duration_ms: {:.3f}\n", indent_, static_cast<double>(ns) / 1e6);
  }
  void put_number(std::string_view key, uint64_t number) {
    if (number != 0) text_ += fmt::format("{}{}: {}\n", indent_, key, number);
  }
  /// What the test took, where it is known.
  void put_resources(const ScriptReport& script) {
    put_duration(script.duration_ns);
    if (script.cpu_ns > 0)
      text_ += fmt::format("{}cpu_ms: {:.3f}\n", indent_, static_cast<double>(script.cpu_ns) / 1e6);
    put_number("peak_memory_bytes", script.peak_memory);
    put("left_outside_work", left_of(script));
  }
  /// One scalar, not a list of lines: TAP::Parser takes a list's `- "a: b"` for a map.
  void put_log(const std::function<void(const TakeLine&)>& render) {
    std::string log;
    render([&](Style, std::string_view line) {
      log += line;
      log += '\n';
    });
    put("log", log);
  }
  [[nodiscard]] std::string end() const { return text_ + indent_ + "...\n"; }

 private:
  std::string indent_, text_;
};

void render_attempt(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  if (!script.cases.empty()) return render_around_cases(script, work, take);
  render_log(script, work, take);
  render_failures(script, work, take);
}

/// The log of the attempts before the last one; a document's with its cases, since no subtest has these.
void render_earlier(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  for (const ScriptReport& attempt : script.earlier) {
    take(Style::note, fmt::format("[attempt {}: {}]", attempt.attempt + 1, summary_of(attempt, work)));
    if (attempt.cases.empty()) {
      render_attempt(attempt, work, take);
    } else {
      render_document(attempt, work, /*verbose=*/false, take);
    }
  }
  if (!script.earlier.empty()) take(Style::note, fmt::format("[attempt {}]", script.attempt + 1));
}

std::string_view severity_of(Outcome outcome) {
  if (outcome == Outcome::flaky) return "warning";
  if (outcome == Outcome::xfail) return "todo";
  return outcome == Outcome::fail || outcome == Outcome::xpass ? "fail" : "error";
}

std::string diagnostics(const ScriptReport& script, std::string_view work) {
  Diagnostics yaml("");
  yaml.put("message", summary_of(script, work));
  yaml.put("severity", severity_of(script.outcome));
  const FailureAt* failure = script.main_failure();
  yaml.put_place(script.source(failure == nullptr ? "" : failure->file),
                 failure == nullptr ? script.line : failure->line);
  // A document's cases say the rest.
  if (script.cases.empty() && failure != nullptr) yaml.put_failure(failure->failure);
  yaml.put("image", script.image);
  yaml.put_resources(script);
  if (!script.earlier.empty()) yaml.put_number("attempts", script.earlier.size() + 1);
  yaml.put_log([&](const TakeLine& take) {
    render_earlier(script, work, take);
    if (script.outcome != Outcome::flaky) render_attempt(script, work, take);
  });
  return yaml.end();
}

/// Of a test with which all is well: what it took, where that is known.
std::string resources(const ScriptReport& script) {
  if (script.cpu_ns == 0 && script.peak_memory == 0 && !script.left.any()) return "";
  Diagnostics yaml("");
  yaml.put_resources(script);
  return yaml.end();
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

/// @param directive "SKIP", "TODO" or empty
std::string point(bool good, size_t number, const std::string& name, std::string_view directive,
                  const std::string& reason) {
  std::string text = fmt::format("{} {} - {}", good ? "ok" : "not ok", number, escaped(name));
  if (!directive.empty()) text += fmt::format(" # {} {}", directive, escaped(first_line(reason)));
  return text + "\n";
}

constexpr std::string_view deeper = "    ";

std::string case_point(const ScriptReport& script, size_t index, const std::string& name) {
  const CaseReport& test = script.cases[index];
  // A case that was not run is not good: only one that asked to be skipped is.
  const bool good = test.outcome == Outcome::pass || test.outcome == Outcome::skip;
  const bool expected = !good && script.outcome == Outcome::xfail;
  const std::string_view directive = expected ? "TODO" : test.outcome == Outcome::skip ? "SKIP" : "";
  const std::string line = fmt::format(
      "{}{}", deeper, point(good, index + 1, name, directive, expected ? script.reason : test.reason));
  if (good) return line;
  const auto at = std::find_if(script.failures.begin(), script.failures.end(),
                               [&](const FailureAt& each) { return each.of_case == index; });
  const bool told = at != script.failures.end();
  Diagnostics yaml(deeper);
  yaml.put("message",
           (test.outcome == Outcome::not_run ? "not run: " : "") + (told ? at->failure.reason : test.reason));
  yaml.put("severity", test.outcome == Outcome::fail ? "fail" : "error");
  yaml.put_place(script.source(test.file), told ? at->line : test.line);
  if (told) yaml.put_failure(at->failure);
  yaml.put_duration(test.duration_ns);
  yaml.put_log([&](const TakeLine& take) { render_case(script, index, take); });
  return line + yaml.end();
}

}  // namespace

void Tap::run_started(const RunStart& start) {
  std::string text = fmt::format("TAP version 14\n1..{}", start.scripts);
  if (start.scripts == 0) text += " # SKIP nothing was selected";
  out_.write(text + "\n");
}

void Tap::script_ended(const ScriptReport& script) {
  // Scripts that were not run are told of by the bail-out: a point for them would be a verdict.
  if (script.outcome == Outcome::not_run) return;
  if (!script.cases.empty()) write_cases(script);
  // What was expected to fail is "not ok" with a directive that makes it none.
  const bool todo = script.outcome == Outcome::xfail;
  const std::string_view directive = script.outcome == Outcome::skip ? "SKIP" : todo ? "TODO" : "";
  const bool good = is_good(script.outcome) && !todo;
  std::string text = point(good, ++number_, script.name, directive, script.reason);
  const bool quiet = script.outcome == Outcome::pass || script.outcome == Outcome::skip;
  out_.write(text + (quiet ? resources(script) : diagnostics(script, work_)));
}

void Tap::write_cases(const ScriptReport& script) {
  out_.write(fmt::format("# Subtest: {}\n{}1..{}\n", escaped(script.name), deeper, script.cases.size()));
  const std::vector<std::string> names = unique_names(script);
  for (size_t i = 0; i < script.cases.size(); ++i) out_.write(case_point(script, i, names[i]));
}

void Tap::run_ended(const RunEnding& ending, const Tally& tally) {
  const std::string cases = tally.cases_line();
  if (!cases.empty()) out_.write(fmt::format("# {}\n", cases));
  out_.write(fmt::format("# {}\n", tally.line(ending)));
  if (!ending.stopped().empty()) {
    out_.write(fmt::format("Bail out! {}\n", ending.stopped()));
  } else if (tally.of(Outcome::not_run) > 0) {
    out_.write(fmt::format("Bail out! {} scripts were not run\n", tally.of(Outcome::not_run)));
  }
}

}  // namespace testctr::report
