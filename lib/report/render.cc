#include "report/render.h"

#include "base/text.h"
#include "report/render_parts.h"

namespace testctr::report {
namespace {

Style style_of(Log::Kind kind) {
  switch (kind) {
    case Log::Kind::phase:
      return Style::title;
    case Log::Kind::command:
      return Style::command;
    case Log::Kind::note:
      return Style::note;
    case Log::Kind::output:
      return Style::plain;
    case Log::Kind::message:
      return Style::warning;
  }
  return Style::plain;
}

/// The beginning of `text` that is shown: whole lines where it can be.
std::string_view beginning(std::string_view text, size_t bytes, size_t lines) {
  size_t end = 0;
  while (end < text.size() && lines-- > 0) {
    const size_t newline = text.find('\n', end);
    const size_t next = newline == std::string_view::npos ? text.size() : newline + 1;
    if (next > bytes) return text.substr(0, end > 0 ? end : bytes);
    end = next;
  }
  return text.substr(0, end);
}

void render_value(std::string_view label, const std::string& value, const TakeLine& take) {
  if (value.empty()) return;
  const std::string_view shown = beginning(value, shown_value, shown_lines);
  const std::string_view one_line = shown.ends_with('\n') ? shown.substr(0, shown.size() - 1) : shown;
  if (one_line.find('\n') == std::string_view::npos && shown.size() == value.size()) {
    take(Style::plain, fmt::format("  {}: {}", label, one_line));
    return;
  }
  take(Style::plain, fmt::format("  {}:", label));
  each_line(shown, [&](std::string_view line) { take(Style::plain, fmt::format("    {}", line)); });
  if (shown.size() < value.size()) {
    take(Style::note, fmt::format("    [... {} more bytes ...]", value.size() - shown.size()));
  }
}

void render_diff(const std::string& diff, const TakeLine& take) {
  const std::string_view shown = beginning(diff, 4 * shown_value, 5 * shown_lines);
  each_line(shown, [&](std::string_view line) {
    const Style style = line.starts_with('-')   ? Style::removed
                        : line.starts_with('+') ? Style::added
                                                : Style::plain;
    take(style, line);
  });
  if (shown.size() < diff.size()) {
    take(Style::note, fmt::format("[... {} more bytes of the difference ...]", diff.size() - shown.size()));
  }
}

void render_failure(const ScriptReport& script, const FailureAt& at, std::string_view work,
                    const TakeLine& take) {
  const Failure& failure = at.failure;
  const std::string command = shorten_work(failure.command, work);
  const size_t end = command.find('\n');
  std::string head = fmt::format("FAIL: {}", place_of(script, at.file, at.line));
  if (!at.place.empty()) head += fmt::format(" ({})", in_place(at.place));
  if (!command.empty())
    head += fmt::format(": {}{}", command.substr(0, end), end == std::string::npos ? "" : " ...");
  head += ": " + shorten_work(failure.reason, work);
  each_line(head, [&](std::string_view line) { take(Style::failure, line); });
  if (end != std::string::npos) render_command(command, "> ", take);
  render_difference(failure, take);
}

bool belongs_to_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

}  // namespace

void each_line(std::string_view text, const std::function<void(std::string_view)>& take) {
  for (std::string_view line : text::lines(text)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    take(line);
  }
}

std::string in_place(const std::string& place) {
  if (place == "host") return "on the host";
  return place == "container" ? "in the container" : "in " + text::printable(place);
}

// By the file, which editors and matchers of logs open.
std::string place_of(const ScriptReport& script, const std::string& file, uint32_t line) {
  const std::string name = text::printable(script.source(file));
  return line == 0 ? name : fmt::format("{}:{}", name, line);
}

void render_command(std::string_view command, std::string_view first, const TakeLine& take) {
  const std::string_view shown = beginning(command, shown_value, shown_lines);
  std::string_view before = first;
  each_line(shown, [&](std::string_view line) {
    take(Style::command, fmt::format("{}{}", std::exchange(before, "> "), line));
  });
  if (shown.size() < command.size())
    take(Style::note, fmt::format("[... {} more bytes of the command ...]", command.size() - shown.size()));
}

void render_difference(const Failure& failure, const TakeLine& take) {
  if (failure.diff.empty()) {
    render_value("expected", failure.expected, take);
    render_value("actual", failure.actual, take);
  } else {
    render_diff(failure.diff, take);
  }
  each_line(failure.hint, [&](std::string_view line) { take(Style::hint, fmt::format("  hint: {}", line)); });
}

void render_other_failures(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  for (const FailureAt& at : script.failures) {
    if (!at.of_case) render_failure(script, at, work, take);
  }
}

void render_denials(const ScriptReport& script, const TakeLine& take) {
  if (script.denials.empty()) return;
  take(Style::warning, "refused by the system call filter:");
  for (const Denial& denial : script.denials) {
    take(Style::warning,
         fmt::format("  {}: {} by {}{}", place_of(script, "", denial.line), denial.syscall, denial.program,
                     denial.count == 1 ? "" : fmt::format(", {} times", denial.count)));
  }
}

void render_entry(Log::Kind kind, std::string_view text, std::string_view work, const TakeLine& take) {
  const Style style = style_of(kind);
  if (kind == Log::Kind::phase) return take(style, text.starts_with('#') ? text : fmt::format("# {}", text));
  if (kind == Log::Kind::command) return render_command(text, "> ", take);
  if (kind == Log::Kind::message)
    return each_line(text, [&](std::string_view line) { take(style, fmt::format("[{}]", line)); });
  each_line(shorten_work(text, work), [&](std::string_view line) { take(style, line); });
}

void render_log_status(const ScriptReport& script, const TakeLine& take) {
  if (script.log.status().ok()) return;
  take(Style::warning, fmt::format("[the log is not whole: {}]", script.log.status().error().message()));
}

void render_log(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  script.log.for_each([&](Log::Kind kind, std::string_view text) { render_entry(kind, text, work, take); });
  render_log_status(script, take);
}

void render_failures(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  for (const FailureAt& at : script.failures) render_failure(script, at, work, take);
  if (script.failures_left_out > 0)
    take(Style::warning, fmt::format("[... {} more failures are not shown ...]", script.failures_left_out));
  render_denials(script, take);
}

namespace {

/// Of a test that was tried several times, or was expected to fail.
std::string summary_of_kind(const ScriptReport& script, std::string_view work) {
  switch (script.outcome) {
    case Outcome::flaky:
      return fmt::format("passed in attempt {}; attempt {}: {}", script.attempt + 1, script.earlier.size(),
                         script.earlier.empty() ? "" : summary_of(script.earlier.back(), work));
    case Outcome::xfail:
      return fmt::format("expected to fail: {}", script.reason);
    case Outcome::xpass:
      return fmt::format("passed, though expected to fail: {}", script.reason);
    default:
      return "";
  }
}

}  // namespace

std::string summary_of(const ScriptReport& script, std::string_view work) {
  const std::string counts = script.cases.empty() ? "" : counts_of(script);
  const std::string before = counts.empty() ? "" : counts + "; ";
  if (script.outcome == Outcome::pass) return counts;
  if (script.outcome > Outcome::not_run) return before + summary_of_kind(script, work);
  if (script.outcome == Outcome::fail && !script.failures.empty()) {
    const FailureAt& first = *script.main_failure();
    const std::string reason = shorten_work(first.failure.reason, work);
    if (first.line == 0) return before + reason;
    const std::string place = first.file.empty()
                                  ? fmt::format("line {}", first.line)
                                  : fmt::format("{}:{}", text::printable(first.file), first.line);
    return fmt::format("{}{}: {}", before, place, reason);
  }
  if (script.outcome == Outcome::not_run && !script.command.empty()) {
    return fmt::format("{}{} at line {}: {}", before, script.reason, script.line,
                       script.command.substr(0, script.command.find('\n')));
  }
  return script.reason;
}

std::string left_of(const ScriptReport& script) {
  constexpr size_t widest = 200;
  const Leftovers& left = script.left;
  if (!left.any()) return "";
  if (left.count == 0) return "what cannot be looked at";
  std::string text =
      fmt::format("{}{} path{}: ", left.more ? "at least " : "", left.count, left.count == 1 ? "" : "s");
  const std::vector<std::string> parts = text::split(left.paths, '\0');
  for (size_t i = 0; i + 2 < parts.size(); i += 3) {
    if (i > 0) text += ", ";
    if (parts[i + 1] != "container") text += text::printable(parts[i + 1]) + ":";
    text += text::within_columns(text::printable(parts[i + 2]), widest);
    if (parts[i] != "created") text += fmt::format(" ({})", parts[i]);
  }
  const uint64_t named = parts.size() / 3;
  if (left.count > named) text += fmt::format(" and {} more", left.count - named);
  return text;
}

void render_left(const ScriptReport& script, const TakeLine& take) {
  if (script.left.any()) take(Style::note, fmt::format("[left outside $WORK: {}]", left_of(script)));
}

void render_script(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  if (!script.cases.empty()) {
    render_document(script, work, /*verbose=*/false, take);
  } else {
    render_log(script, work, take);
    render_failures(script, work, take);
  }
  render_left(script, take);
}

std::string title_of(const ScriptReport& script, std::string_view work) {
  std::string_view word = "FAIL";
  if (script.outcome == Outcome::error) word = "ERROR";
  if (script.outcome == Outcome::xpass) word = "XPASS";
  if (script.outcome == Outcome::flaky) word = "FLAKY";
  if (is_good(script.outcome) && script.outcome != Outcome::flaky) word = "ok";
  std::string title = fmt::format("{} {}", word, text::printable(script.name));
  const std::string why = summary_of(script, work);
  if (!why.empty()) title += ": " + text::printable(why.substr(0, why.find('\n')));
  return title;
}

std::string shorten_work(std::string_view text, std::string_view work) {
  if (work.size() < 2) return std::string(text);
  std::string out;
  out.reserve(text.size());
  size_t from = 0;
  while (true) {
    const size_t at = text.find(work, from);
    if (at == std::string_view::npos) break;
    const size_t end = at + work.size();
    const bool begins = at == 0 || !(belongs_to_name(text[at - 1]) || text[at - 1] == '/');
    const bool ends = end == text.size() || !belongs_to_name(text[end]);
    out += text.substr(from, at - from);
    out += begins && ends ? std::string_view("$WORK") : work;
    from = end;
  }
  out += text.substr(from);
  return out;
}

}  // namespace testctr::report
