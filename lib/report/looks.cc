#include "report/looks.h"

#include "base/text.h"

namespace testctr::report {
namespace {

enum class Paint : uint8_t { none, bold, red, bold_red, green, teal, brown, violet, grey };

std::string_view code_of(Paint paint, Palette palette) {
  if (palette == Palette::none) return "";
  const bool fixed = palette == Palette::fixed;
  switch (paint) {
    case Paint::none:
      return "";
    case Paint::bold:
      return "\x1b[1m";
    case Paint::red:
      return fixed ? "\x1b[38;5;160m" : "\x1b[31m";
    case Paint::bold_red:
      return fixed ? "\x1b[1;38;5;160m" : "\x1b[1;31m";
    case Paint::green:
      return fixed ? "\x1b[38;5;28m" : "\x1b[32m";
    case Paint::teal:
      return fixed ? "\x1b[38;5;30m" : "\x1b[36m";
    case Paint::brown:  // the terminal's own yellow cannot be read on white
      return fixed ? "\x1b[38;5;130m" : "\x1b[35m";
    case Paint::violet:
      return fixed ? "\x1b[1;38;5;164m" : "\x1b[1;35m";
    case Paint::grey:
      return fixed ? "\x1b[38;5;244m" : "";
  }
  return "";
}

Paint paint_of(Style style) {
  switch (style) {
    case Style::plain:
      return Paint::none;
    case Style::title:
      return Paint::bold;
    case Style::command:
      return Paint::teal;
    case Style::note:
      return Paint::grey;
    case Style::failure:
      return Paint::bold_red;
    case Style::removed:
      return Paint::red;
    case Style::added:
      return Paint::green;
    case Style::hint:
    case Style::warning:
      return Paint::brown;
  }
  return Paint::none;
}

Paint paint_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return Paint::green;
    case Outcome::fail:
      return Paint::bold_red;
    case Outcome::error:
      return Paint::violet;
    case Outcome::skip:
    case Outcome::not_run:
    case Outcome::flaky:
      return Paint::brown;
    case Outcome::xfail:
      return Paint::green;
    case Outcome::xpass:
      return Paint::bold_red;
  }
  return Paint::none;
}

/// "@@ -3,2 +3 @@": "at line 3 of what was expected, line 3 of what came".
std::string place_in_words(std::string_view line) {
  const auto number_behind = [&](char sign) {
    const size_t at = line.find(sign);
    if (at == std::string_view::npos) return std::string_view();
    const std::string_view from = line.substr(at + 1);
    return from.substr(0, from.find_first_not_of("0123456789"));
  };
  return fmt::format("at line {} of what was expected, line {} of what came", number_behind('-'),
                     number_behind('+'));
}

}  // namespace

std::string_view code_of(Style style, Palette palette) { return code_of(paint_of(style), palette); }
std::string_view code_of(Outcome outcome, Palette palette) { return code_of(paint_of(outcome), palette); }

std::string painted(std::string_view code, std::string_view text) {
  return code.empty() ? std::string(text) : fmt::format("{}{}\x1b[0m", code, text);
}

std::string_view label_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return "ok   ";
    case Outcome::fail:
      return "FAIL ";
    case Outcome::error:
      return "ERROR";
    case Outcome::skip:
      return "SKIP ";
    case Outcome::not_run:
      return "STOP ";
    case Outcome::flaky:
      return "FLAKY";
    case Outcome::xfail:
      return "xfail";
    case Outcome::xpass:
      return "XPASS";
  }
  return "?    ";
}

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return "passed";
    case Outcome::fail:
      return "failed";
    case Outcome::error:
      return "error";
    case Outcome::skip:
      return "skipped";
    case Outcome::not_run:
      return "not run";
    case Outcome::flaky:
      return "flaky";
    case Outcome::xfail:
      return "failed as expected";
    case Outcome::xpass:
      return "passed unexpectedly";
  }
  return "?";
}

std::string InWords::operator()(Style style, std::string_view line) {
  const auto behind = [&](size_t signs) { return line.substr(std::min(signs, line.size())); };
  const bool changed = style == Style::removed || style == Style::added;
  // The first two lines of a unified difference name its sides.
  const bool names_side = changed && (line.starts_with("--- ") || line.starts_with("+++ ")) &&
                          line.ends_with(style == Style::removed ? "(expected)" : "(actual)");
  if (changed) in_difference_ = true;
  switch (style) {
    case Style::title:
      return fmt::format("phase: {}", text::trim(behind(line.find_first_not_of('#'))));
    case Style::command:
      return fmt::format("command: {}", behind(line.starts_with("> ") || line.starts_with("$ ") ? 2 : 0));
    case Style::removed:
      return names_side ? fmt::format("compared: {}", behind(4)) : fmt::format("expected: {}", behind(1));
    case Style::added:
      return names_side ? fmt::format("with: {}", behind(4)) : fmt::format("came: {}", behind(1));
    case Style::note:
    case Style::warning:
      if (line.starts_with('[') && line.ends_with(']')) return std::string(line.substr(1, line.size() - 2));
      break;
    case Style::plain:
      if (in_difference_ && line.starts_with("@@ ")) return place_in_words(line);
      break;
    case Style::failure:
    case Style::hint:
      break;
  }
  return std::string(line);
}

}  // namespace testctr::report
