// Splits a line into words and takes its prefixes apart.
#include "script/line.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace testctr::script {
namespace {

constexpr uint8_t most_nested = 3;  // defer retry timeout exec

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

/// Whether a word is `!N`, which demands an exit status.
bool demands_status(std::string_view word) {
  return word.size() > 1 && word.front() == '!' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The status that `!N` demands; nothing when no failure can have it.
std::optional<uint8_t> demanded_status(std::string_view word) {
  uint8_t status = 0;
  const auto [end, problem] = std::from_chars(word.data() + 1, word.data() + word.size(), status);
  if (problem != std::errc() || end != word.data() + word.size() || status == 0) return std::nullopt;
  return status;
}

/// Takes `&` or `&name&` off the end of a command.
Status take_background(const Place& place, size_t offset, Command& command) {
  const Word& last = command.arguments.back();
  if (last.size() != 1 || last[0].quoted || last[0].text.front() != '&') return {};
  const std::string& text = last[0].text;
  if (text != "&") {
    if (text.size() < 3 || text.back() != '&') return {};
    const std::string_view name = std::string_view(text).substr(1, text.size() - 2);
    const bool fits = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!fits) {
      if (name.find('&') != std::string_view::npos) return {};  // `&&` and its like: just a word
      return line_error(place, offset, fmt::format("{} is no name for the background", text::quoted(name)))
          .hint("a name consists of letters, digits and _; a literal word is quoted");
    }
    command.background_name = name;
  }
  command.background = true;
  command.arguments.pop_back();
  return {};
}

/// A command from its name on. @param next the index of the name among `words`
Result<Command> begin_inner(const Command& outer, size_t next) {
  const auto wrong = [&](std::string what) {
    return Error::usage(fmt::format("{}: {}", outer.name, what))
        .hint("it is followed by a command: " + outer.name +
              (outer.name == "defer" ? " rm FILE" : " ... exec PROGRAM"));
  };
  if (outer.nested == most_nested) return wrong("too many commands, one behind the other");
  Command inner;
  inner.nested = outer.nested + 1;
  inner.line = outer.line;
  inner.column = outer.column;
  inner.text = outer.text;
  for (; next < outer.arguments.size(); ++next) {
    const Word& word = outer.arguments[next];
    if (word.size() != 1 || word[0].quoted) return wrong("a command's name cannot be quoted");
    const std::string& text = word[0].text;
    const bool prefix = text == "!" || text == "?" || demands_status(text);
    if (prefix && inner.want != Want::success) return wrong("duplicated `!` or `?`");
    if (text.starts_with('[')) return wrong("a condition stands before it, not behind");
    if (!prefix) break;
    inner.want = text == "?" ? Want::either : Want::failure;
    if (text.size() == 1) continue;
    inner.exit_code = demanded_status(text);
    if (!inner.exit_code) return wrong(fmt::format("`{}`: a failure's exit status is 1 to 255", text));
  }
  if (next >= outer.arguments.size()) return wrong("no command");
  inner.name = outer.arguments[next][0].text;
  inner.arguments.assign(outer.arguments.begin() + static_cast<ptrdiff_t>(next) + 1, outer.arguments.end());
  return inner;
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
  if (demands_status(*word)) {
    if (command.want != Want::success) return line_error(place, token.offset, "duplicated `!` or `?`");
    command.exit_code = demanded_status(*word);
    if (!command.exit_code) {
      return line_error(place, token.offset,
                        fmt::format("`{}`: an exit status that is a failure is 1 to 255", *word))
          .hint("write `!` and a blank for any failure, nothing for success");
    }
    command.want = Want::failure;
    return true;
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
  if (!command.arguments.empty()) CHECK_OK(take_background(place, tokens.back().offset, command));
  return std::optional<Command>(std::move(command));
}

std::optional<size_t> words_before_inner(const Command& command) {
  if (command.name == "defer") return 0;
  if (command.name == "timeout") return 1;
  if (command.name != "retry") return std::nullopt;
  const Word option{{"-timeout", /* quoted= */ false}};
  return !command.arguments.empty() && command.arguments.front() == option ? 2 : 0;
}

Result<std::optional<Command>> inner_command(const Command& command) {
  const auto before = words_before_inner(command);
  if (!before) return std::optional<Command>();
  return std::optional<Command>(TRY(begin_inner(command, *before)));
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
