// Splits a line into words and takes its prefixes apart.
#include "script/line.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::script {
namespace {

/// A word and where it begins.
struct Token {
  Word word;
  size_t offset = 0;

  /// Its text when no part of it was quoted.
  [[nodiscard]] const std::string* plain() const {
    return word.size() == 1 && !word[0].quoted ? &word[0].text : nullptr;
  }
};

bool is_separator(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#'; }

/// Where a `${` stands that no `}` closes, or that names nothing. A name has no quotes and no blanks in it.
size_t broken_variable(std::string_view text) {
  for (size_t i = text.find("${"); i != std::string_view::npos; i = text.find("${", i + 2)) {
    size_t closing = text.find('}', i + 2);
    if (closing == std::string_view::npos || closing == i + 2) return i;
  }
  return std::string_view::npos;
}

/// Quotes join with what they touch; `''` inside quotes is one quote.
Result<std::vector<Token>> split_words(const Place& place, std::string_view line, bool strict = true) {
  std::vector<Token> tokens;
  size_t i = 0;
  while (i < line.size() && line[i] != '#') {
    if (is_separator(line[i])) {
      ++i;
      continue;
    }
    Token token{{}, i};
    while (i < line.size() && !is_separator(line[i])) {
      if (line[i] != '\'') {
        size_t begin = i;
        while (i < line.size() && line[i] != '\'' && !is_separator(line[i])) ++i;
        std::string_view plain = line.substr(begin, i - begin);
        if (size_t bad = broken_variable(plain); strict && bad != std::string_view::npos) {
          return line_error(place, begin + bad, "`${` without a name and a `}`")
              .hint("a variable is `$NAME` or `${NAME}`; a literal ${ is quoted: '${'");
        }
        token.word.push_back({std::string(plain), /* quoted= */ false});
        continue;
      }
      size_t opening = i++;
      std::string text;
      for (;; ++i) {
        if (i >= line.size()) {
          return line_error(place, opening, "unterminated quoted argument")
              .hint("a quote ends on its own line, and a quote inside quotes is written twice: 'it''s'");
        }
        if (line[i] == '\'') {
          if (i + 1 >= line.size() || line[i + 1] != '\'') break;
          ++i;
        }
        text += line[i];
      }
      ++i;
      token.word.push_back({std::move(text), /* quoted= */ true});
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `[cond]` or `[!cond]`. @param text begins with `[`.
Result<Condition> parse_condition(const Place& place, size_t offset, std::string_view text) {
  size_t closing = text.find(']');
  if (closing == std::string_view::npos) {
    return line_error(place, offset, fmt::format("the condition {} has no `]`", text::printable(text)))
        .hint("a condition is one word: it cannot contain blanks, quotes or #");
  }
  if (closing + 1 != text.size()) {
    return line_error(
               place, offset + closing + 1,
               fmt::format("no blank after the condition {}", text::printable(text.substr(0, closing + 1))))
        .hint("write a blank between the condition and what follows it");
  }
  Condition condition;
  condition.column = static_cast<uint32_t>(offset + 1);
  text = text::trim(text.substr(1, text.size() - 2));
  if (text.starts_with('!')) {
    condition.negated = true;
    text = text::trim(text.substr(1));
  }
  if (text.empty()) return line_error(place, offset, "empty condition");
  condition.text = text;
  return condition;
}

/// The words before the command's name. @return whether the token was one.
Result<bool> take_prefix(const Place& place, const Token& token, Command& command) {
  const std::string* word = token.plain();
  if (word == nullptr) {
    if (token.word[0].quoted) {
      return line_error(place, token.offset, "a command's name cannot be quoted")
          .hint("write the command first, without quotes");
    }
    // Part of it is plain, as in [exec:'x'].
    return line_error(place, token.offset, "neither a command's name nor a prefix can contain quotes");
  }
  if (*word == "!" || *word == "?") {
    if (command.want != Want::success) return line_error(place, token.offset, "duplicated `!` or `?`");
    command.want = *word == "!" ? Want::failure : Want::either;
    return true;
  }
  if (word->starts_with('!') && all_digits(std::string_view(*word).substr(1))) {
    return line_error(place, token.offset,
                      fmt::format("`{}`: demanding one exit status is not known yet", *word))
        .hint("write `!` and a blank for any failure");
  }
  if (word->starts_with('[')) {
    command.conditions.push_back(TRY(parse_condition(place, token.offset, *word)));
    return true;
  }
  return false;
}

}  // namespace

Error line_error(const Place& place, size_t offset, std::string_view what) {
  return Error::usage(fmt::format("{}:{}:{}: {}", place.file, place.line, offset + 1, what));
}

Result<std::optional<Command>> parse_line(const Place& place, std::string_view line) {
  if (size_t nul = line.find('\0'); nul != std::string_view::npos)
    return line_error(place, nul, "a NUL byte in the script");
  std::vector<Token> tokens = TRY(split_words(place, line));
  if (tokens.empty()) return std::optional<Command>{};
  Command command;
  command.line = place.line;
  command.text = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  size_t next = 0;
  while (next < tokens.size() && TRY(take_prefix(place, tokens[next], command))) ++next;
  if (next == tokens.size()) {
    return line_error(place, tokens[0].offset, "missing command")
        .hint("a condition, `!` or `?` stands before a command on the same line");
  }
  command.column = static_cast<uint32_t>(tokens[next].offset + 1);
  command.name = *tokens[next].plain();
  for (++next; next < tokens.size(); ++next) command.arguments.push_back(std::move(tokens[next].word));
  const Word ampersand{{"&", /* quoted= */ false}};
  if (!command.arguments.empty() && command.arguments.back() == ampersand) {
    command.background = true;
    command.arguments.pop_back();
  }
  return std::optional<Command>(std::move(command));
}

std::optional<Command> parse_words(const Place& place, std::string_view line) {
  Command command;
  command.line = place.line;
  command.text = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  command.column = 1;
  auto tokens = split_words(place, line, /* strict= */ false);
  if (!tokens.ok()) {
    command.defect = "unterminated quoted argument";
    return command;
  }
  if (tokens.value().empty()) return std::nullopt;
  for (Token& token : tokens.value()) command.words.push_back(std::move(token.word));
  return command;
}

}  // namespace testctr::script
