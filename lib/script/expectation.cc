#include "script/expectation.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "script/escapes.h"

namespace testctr::script {

namespace {

// Takes `suffix` off the end of `text`, if it is there.
bool take(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Word {
  std::string_view name;
  Rule rule;
};
constexpr std::array<Word, 10> words = {{{"equal", Rule::equal},
                                         {"eq", Rule::equal},
                                         {"no-eol", Rule::no_eol},
                                         {"escaped", Rule::escaped},
                                         {"esc", Rule::escaped},
                                         {"glob", Rule::glob},
                                         {"gl", Rule::glob},
                                         {"regex", Rule::regex},
                                         {"re", Rule::regex},
                                         {"json", Rule::json}}};

std::optional<Rule> rule_named(std::string_view name, Compat compat) {
  for (const Word& word : words) {
    if (word.name == name && (word.rule != Rule::json || compat != Compat::scrut)) return word.rule;
  }
  return std::nullopt;
}

// Scrut's grammar: "TEXT (RULE)", "TEXT (RULE?)", "TEXT (?)".
void parse_scrut(Expectation& made, std::string_view text, Compat compat) {
  made.pattern = text;
  const size_t open = text.rfind('(');
  if (open == std::string_view::npos || open == 0 || !text.ends_with(')')) return;
  if (text[open - 1] != ' ' && text[open - 1] != '\t') return;
  std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  const char last = inside.empty() ? '\0' : inside.back();
  const bool quantified = last == '?' || last == '*' || last == '+';
  if (quantified) inside.remove_suffix(1);
  const auto rule = inside.empty() && quantified ? Rule::equal : rule_named(inside, compat);
  if (!rule) return;
  made.rule = *rule;
  made.optional = last == '?' || last == '*';
  made.multi = last == '*' || last == '+';
  std::string_view pattern = text.substr(0, open - 1);
  if (made.rule == Rule::glob) {
    made.unescape = take(pattern, " (escaped)") || take(pattern, " (esc)");
  } else if (made.rule == Rule::escaped && take(pattern, " (no-eol)")) {
    made.rule = Rule::no_eol;
    made.unescape = true;
  }
  made.pattern = pattern;
}

// Cram's words, and Mercurial's "(?)" behind them.
void parse_cram(Expectation& made, std::string_view text, Compat compat) {
  if (compat != Compat::cram) made.optional = take(text, " (?)");
  if (take(text, " (esc)")) {
    made.unescape = take(text, " (no-eol)");
    made.rule = made.unescape ? Rule::no_eol : Rule::escaped;
  } else if (take(text, " (glob)")) {
    made.rule = Rule::glob;
    made.unescape = take(text, " (esc)");
  } else if (take(text, " (re)")) {
    made.rule = Rule::regex;
  } else if (take(text, " (no-eol)")) {
    made.rule = Rule::no_eol;
  }
  made.pattern = text;
}

// Whether a reader of the document would take the text for something else than an expectation.
bool is_code(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  return text.substr(1, text.size() - 2).find_first_not_of("0123456789") == std::string_view::npos;
}

// "```" and what would close a block.
bool is_fence(std::string_view text) {
  if (text.starts_with("```")) return true;
  const size_t blanks = text.find_first_not_of(' ');
  if (blanks == std::string_view::npos || blanks > 3) return false;
  text.remove_prefix(blanks);
  return text.starts_with("```") || text.starts_with("~~~");
}

bool is_command(std::string_view text) { return text.starts_with("$ ") || text == "$"; }
bool is_continuation(std::string_view text) { return text.starts_with("> ") || text == ">"; }

// The escape of a text's first byte that is no blank, which keeps a reader from seeing what begins with it.
std::string with_first_escaped(std::string_view text, const std::string& escaped) {
  const size_t at = text.find_first_not_of(' ');
  return fmt::format("{}\\x{:02x}{}", escaped.substr(0, at), static_cast<unsigned char>(escaped[at]),
                     escaped.substr(at + 1));
}

// "(no-eol)" in front of "(esc)" would be read as a suffix.
std::string guarded(std::string escaped) {
  constexpr std::string_view suffix = " (no-eol)";
  if (escaped.ends_with(suffix)) escaped.replace(escaped.size() - suffix.size() + 1, 1, "\\x28");
  return escaped;
}

bool is_plain(const Expectation& parsed) {
  return parsed.rule == Rule::equal && !parsed.optional && !parsed.multi && parsed.pattern == parsed.text;
}

std::string markdown_expectation(std::string_view text, bool has_end, bool behind_command) {
  const bool hidden = is_fence(text) || (behind_command && is_continuation(text));
  if (hidden || !is_printable_unicode(text)) {
    std::string escaped = escape_unicode(text);
    if (hidden) escaped = with_first_escaped(text, escaped);
    return guarded(std::move(escaped)) + (has_end ? " (escaped)" : " (no-eol) (escaped)");
  }
  if (!has_end) return std::string(text) + " (no-eol)";
  if (is_code(text) || !is_plain(parse_expectation(text, Dialect::markdown)))
    return std::string(text) + " (equal)";
  return std::string(text);
}

std::string cram_expectation(std::string_view text, bool has_end) {
  const bool hidden = is_command(text) || is_continuation(text) || (is_code(text) && has_end);
  const bool escape =
      hidden || !is_printable_ascii(text) || (has_end && !is_plain(parse_expectation(text, Dialect::cram)));
  if (!escape) return std::string(text) + (has_end ? "" : " (no-eol)");
  std::string escaped = escape_ascii(text);
  if (hidden) escaped = with_first_escaped(text, escaped);
  return guarded(std::move(escaped)) + (has_end ? " (esc)" : " (no-eol) (esc)");
}

}  // namespace

Expectation parse_expectation(std::string_view text, Dialect dialect, Compat compat) {
  Expectation made;
  made.text = text;
  if (dialect == Dialect::cram && compat != Compat::scrut)
    parse_cram(made, text, compat);
  else
    parse_scrut(made, text, compat);
  return made;
}

Status check(const Expectation& expectation, Dialect dialect, Compat compat) {
  auto made = LineMatcher::make(expectation, dialect, compat, nullptr);
  const bool may_become_json =
      expectation.rule == Rule::json && expectation.pattern.find('$') != std::string::npos;
  if (!made.ok() && !may_become_json) return std::move(made).error();
  return {};
}

std::string expectation_for(std::string_view line, Dialect dialect, bool behind_command) {
  const bool has_end = line.ends_with('\n');
  if (has_end) line.remove_suffix(1);
  return dialect == Dialect::cram ? cram_expectation(line, has_end)
                                  : markdown_expectation(line, has_end, behind_command);
}

}  // namespace testctr::script
