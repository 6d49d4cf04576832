// Patterns that say nothing.
#include <array>
#include <cctype>

#include "base/text.h"
#include "interpret/lint_rules.h"
#include "interpret/pattern.h"

namespace testctr::interpret {
namespace {

/// Whether it matches any text at all. There is no looking around in these expressions: what matches nothing,
/// one byte that is no letter, a letter, and a line, matches everything.
bool matches_everything(const std::string& expression) {
  auto pattern = Pattern::compile(expression);
  if (!pattern.ok()) return false;
  constexpr std::array<std::string_view, 4> probes = {"", "\x01", "a", "a\n"};
  for (const std::string_view probe : probes) {
    if (!pattern.value().find(probe)) return false;
  }
  return true;
}

/// A byte that stands for itself, and for no line end.
bool is_literal(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view(" _-:/,;=<>@%&\"'!~").find(c) != std::string_view::npos;
}

/// Where something stands behind the end of a line, or before its beginning, on the same line; npos: nowhere.
size_t impossible_at(std::string_view expression) {
  if (expression.find("(?") != std::string_view::npos) return std::string_view::npos;  // flags may change all
  bool in_class = false;
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\') {
      if (expression.substr(i).starts_with("\\Q")) {
        const size_t end = expression.find("\\E", i);
        if (end == std::string_view::npos) break;
        i = end;
      }
      ++i;
      continue;
    }
    if (in_class) {
      in_class = c != ']';
      continue;
    }
    if (c == '[') {
      in_class = true;
      // `[]x]` and `[^]x]` have the bracket in them.
      if (i + 1 < expression.size() && expression[i + 1] == '^') ++i;
      if (i + 1 < expression.size() && expression[i + 1] == ']') ++i;
      continue;
    }
    const char next = i + 1 < expression.size() ? expression[i + 1] : '\0';
    const char after = i + 2 < expression.size() ? expression[i + 2] : '\0';
    const bool may_be_missing = after == '*' || after == '?' || after == '{';
    if (c == '$' && is_literal(next) && !may_be_missing) return i;
    if (is_literal(c) && next == '^') return i + 1;
  }
  return std::string_view::npos;
}

}  // namespace

void lint_pattern(const script::Command& command, Findings& findings) {
  if (!is_matcher(command)) return;
  bool counted = false;
  const auto index = pattern_of(command, counted);
  if (!index) return;
  const std::string expression = raw(command.arguments[*index]);
  if (!counted && command.want == script::Want::success && matches_everything(expression)) {
    findings.at_argument(
        "cannot-fail", command, *index,
        fmt::format("the pattern '{}' matches any text, the empty one too", text::printable(expression)),
        "`stdout .` demands some output, `! stdout .` none");
  }
  if (const size_t at = impossible_at(expression); at != std::string_view::npos) {
    findings.at_argument(
        "impossible-pattern", command, *index,
        fmt::format("the pattern '{}' can never match: `{}` is the {} of a line", text::printable(expression),
                    expression[at], expression[at] == '$' ? "end" : "beginning"),
        fmt::format("a literal {0} is written \\{0}", expression[at]));
  }
}

}  // namespace testctr::interpret
