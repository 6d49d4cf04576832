#include "script/case_lines.h"

#include <charconv>

#include "base/text.h"
#include "script/expectation.h"
#include "script/lines.h"

namespace testctr::script {
namespace {

constexpr int largest_code = 255;

}  // namespace

Status check_size(std::string_view name, std::string_view source) {
  if (source.size() <= largest_document) return {};
  return Error::usage(fmt::format("{}:1: the document has {}, and {} is the most", name,
                                  text::human_size(source.size()), text::human_size(largest_document)));
}

std::optional<std::string_view> continuation(std::string_view text) {
  if (text == ">") return std::string_view();
  if (text.starts_with("> ")) return text.substr(2);
  return std::nullopt;
}

std::optional<int> exit_code_line(std::string_view text) {
  if (text.size() < 3 || !text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  std::string_view digits = text.substr(1, text.size() - 2);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  int value = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return failed == std::errc() ? value : largest_code + 1;
}

void add_code(Case& test, const ExpectedCode& code, Defects& defects) {
  if (code.value > largest_code) {
    defects.add(code.line,
                "an exit code is at most 255; if this is a line of output, write \" (equal)\" behind it");
  } else if (test.code) {
    defects.add(code.line,
                fmt::format("a second exit code, the first is in line {}; if this is a line of output, "
                            "write \" (equal)\" behind it",
                            test.code->line));
  } else {
    test.code = code;
  }
}

Expectation plain_expectation(std::string_view text, uint32_t line, Span span) {
  Expectation expectation;
  expectation.line = line;
  expectation.span = span;
  expectation.text = text;
  expectation.pattern = text;
  return expectation;
}

Expectation read_expectation(std::string_view text, uint32_t line, Span span, Dialect dialect, Compat compat,
                             Defects& defects) {
  Expectation expectation = parse_expectation(text, dialect, compat);
  expectation.line = line;
  expectation.span = span;
  if (Status checked = check(expectation, dialect, compat); !checked.ok())
    defects.add(line, checked.error().message());
  return expectation;
}

}  // namespace testctr::script
