// Reads the table of a filter; uses nothing but the standard library, because the build's own tool contains
// it too.
#include "sandbox/table.h"

#include <algorithm>
#include <charconv>

namespace testctr::sandbox {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view line) {
  Words words;
  size_t at = 0;
  while (at < line.size()) {
    size_t begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos || line[begin] == '#') break;
    size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    at = end;
  }
  return words;
}

std::optional<Verdict> verdict_of(const std::string& word) {
  if (word == "allow") return Verdict::allow;
  if (word == "deny") return Verdict::deny;
  if (word == "nosys") return Verdict::nosys;
  if (word == "fake") return Verdict::fake;
  return std::nullopt;
}

std::optional<uint32_t> number_of(const std::string& word) {
  bool hex = word.starts_with("0x");
  const char* begin = word.data() + (hex ? 2 : 0);
  const char* end = word.data() + word.size();
  uint32_t value = 0;
  auto [stop, bad] = std::from_chars(begin, end, value, hex ? 16 : 10);
  if (bad != std::errc{} || stop != end || begin == end) return std::nullopt;
  return value;
}

// The words after "when": a test and the verdict for the rest. @return what is wrong, or nothing.
std::string parse_condition(const Words& words, size_t at, ArgumentTest& test, Verdict& otherwise) {
  auto word = [&](size_t i) { return i < words.size() ? words[i] : std::string(); };
  const std::string argument = word(at++);
  if (argument.size() != 4 || !argument.starts_with("arg") || argument[3] < '0' || argument[3] > '5')
    return "expected arg0 to arg5";
  test.argument = static_cast<unsigned>(argument[3] - '0');
  if (word(at) == "&") {
    auto mask = number_of(word(at + 1));
    if (!mask) return "expected a mask after &";
    test.mask = *mask;
    at += 2;
  }
  const std::string relation = word(at++);
  if (relation == "has") {
    auto bits = number_of(word(at++));
    if (!bits) return "expected bits after has";
    test.mask = *bits;
    test.values = {0};
    test.negated = true;
  } else if (relation == "is") {
    for (; at < words.size() && words[at] != "else"; ++at) {
      auto value = number_of(words[at]);
      if (!value) return "expected a number, found " + words[at];
      if ((*value & ~test.mask) != 0) return "a value that the mask hides: " + words[at];
      test.values.push_back(*value);
    }
    if (test.values.empty()) return "expected a value after is";
  } else {
    return "expected is or has";
  }
  if (word(at++) != "else") return "expected else";
  auto verdict = verdict_of(word(at++));
  if (!verdict) return "expected a verdict after else";
  otherwise = *verdict;
  return at == words.size() ? "" : "more words than expected";
}

std::string parse_statement(const Words& words, size_t line, Table& table) {
  if (words[0] == "number") {
    auto number = words.size() == 4 && words[2] == "=" ? number_of(words[3]) : std::nullopt;
    if (!number) return "expected: number NAME = N";
    table.numbers[words[1]] = static_cast<int>(*number);
    return "";
  }
  auto verdict = verdict_of(words[0]);
  if (!verdict) return "unknown statement " + words[0];
  TableRule rule{
      .name = "", .verdict = *verdict, .when = std::nullopt, .otherwise = Verdict::nosys, .line = line};
  auto when = std::find(words.begin(), words.end(), "when");
  if (when != words.end()) {
    rule.when.emplace();
    auto wrong =
        parse_condition(words, static_cast<size_t>(when - words.begin()) + 1, *rule.when, rule.otherwise);
    if (!wrong.empty()) return wrong;
  }
  for (auto name = words.begin() + 1; name != when; ++name) {
    rule.name = *name;
    if (!table.rules.emplace(*name, rule).second) return *name + " stands twice";
  }
  return "";
}

}  // namespace

bool ArgumentTest::holds(uint64_t value) const {
  const uint32_t seen = static_cast<uint32_t>(value) & mask;
  return (std::find(values.begin(), values.end(), seen) != values.end()) != negated;
}

Verdict TableRule::judge(const uint64_t* arguments) const {
  return !when || when->holds(arguments[when->argument]) ? verdict : otherwise;
}

std::optional<Table> parse_table(std::string_view text, std::string& error) {
  Table table;
  Words statement;
  size_t started = 0, line = 0;
  auto close = [&]() {
    if (statement.empty()) return true;
    error = parse_statement(statement, started, table);
    statement.clear();
    if (error.empty()) return true;
    error = "line " + std::to_string(started) + ": " + error;
    return false;
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view content = text.substr(at, end - at);
    at = end + 1;
    ++line;
    Words words = words_of(content);
    if (words.empty()) continue;
    if (content[0] != ' ' && content[0] != '\t') {
      if (!close()) return std::nullopt;
      started = line;
    }
    statement.insert(statement.end(), words.begin(), words.end());
  }
  if (!close()) return std::nullopt;
  return table;
}

}  // namespace testctr::sandbox
