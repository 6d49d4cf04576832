#include "script/convert_lines.h"

#include <algorithm>
#include <charconv>

#include "base/result.h"
#include "script/case_lines.h"
#include "script/escapes.h"
#include "script/expectation.h"

namespace testctr::script {
namespace {

bool has_escapes(const Expectation& e) { return e.rule == Rule::escaped || e.unescape; }

/// Whether `text` is read as this very expectation.
bool says(std::string_view text, const Expectation& wanted, Dialect dialect) {
  const Expectation read = parse_expectation(text, dialect);
  return read.rule == wanted.rule && read.optional == wanted.optional && read.multi == wanted.multi &&
         read.unescape == wanted.unescape && read.pattern == wanted.pattern;
}

std::string spelled_in_markdown(const Expectation& e) {
  std::string quantifier = e.optional ? (e.multi ? "*" : "?") : (e.multi ? "+" : "");
  std::string_view before, word;
  switch (e.rule) {
    case Rule::equal:
      if (quantifier.empty() && !exit_code_line(e.pattern) && says(e.pattern, e, Dialect::markdown))
        return e.pattern;
      word = quantifier.empty() ? "equal" : "";
      break;
    case Rule::no_eol:
      before = e.unescape ? " (no-eol)" : "";
      word = e.unescape ? "esc" : "no-eol";
      break;
    case Rule::escaped:
      word = "esc";
      break;
    case Rule::glob:
      before = e.unescape ? " (esc)" : "";
      word = "glob";
      break;
    case Rule::regex:
      word = "re";
      break;
    case Rule::json:
      word = "json";
      break;
  }
  return fmt::format("{}{} ({}{})", e.pattern, before, word, quantifier);
}

std::string spelled_in_cram(const Expectation& e) {
  std::string text = e.pattern;
  if (e.rule == Rule::no_eol) text += " (no-eol)";
  if (has_escapes(e)) text += " (esc)";
  if (e.rule == Rule::glob) text += " (glob)";
  if (e.rule == Rule::regex) text += " (re)";
  if (e.optional) text += " (?)";
  return text;
}

/// " (no-eol)" at the end of escaped text would be read as a suffix.
std::string escapes_of(std::string_view value) {
  std::string escaped = escape_ascii(value);
  constexpr std::string_view suffix = " (no-eol)";
  if (escaped.ends_with(suffix)) escaped.replace(escaped.size() - suffix.size() + 1, 1, "\\x28");
  return escaped;
}

/// The same with its pattern written in escapes, which hides all suffixes in it.
/// @param hide_first the first byte as well
Expectation in_escapes(Expectation e, bool hide_first) {
  if (e.rule == Rule::regex) {
    if (hide_first) e.pattern = "(?:)" + e.pattern;
    return e;
  }
  if (!has_escapes(e)) {
    e.pattern = escapes_of(e.pattern);
    if (e.rule == Rule::equal)
      e.rule = Rule::escaped;
    else
      e.unescape = true;
  }
  if (hide_first && !e.pattern.empty())
    e.pattern = fmt::format("\\x{:02x}{}", static_cast<unsigned char>(e.pattern[0]), e.pattern.substr(1));
  return e;
}

/// Both dialects' escapes mean the same, or they are written anew so that they do.
Expectation with_common_escapes(Expectation e, Dialect from) {
  if (!has_escapes(e)) return e;
  const auto python = unescape_python(e.pattern), scrut = unescape_scrut(e.pattern);
  const auto& value = from == Dialect::cram ? python : scrut;
  const auto& other = from == Dialect::cram ? scrut : python;
  if (!value.ok() || (other.ok() && other.value() == value.value())) return e;
  e.pattern = escapes_of(value.value());
  return e;
}

/// Whether a glob of Cram means bytes by escapes: "a\t*" stands for a line that Cram writes as "a\tb (esc)".
/// One that escapes its own signs as well is none, since then both kinds could not be told apart.
bool means_bytes(const Expectation& e) {
  if (e.rule != Rule::glob || e.unescape) return false;
  bool any = false;
  for (size_t at = e.pattern.find('\\'); at != std::string::npos; at = e.pattern.find('\\', at + 2)) {
    constexpr std::string_view escapes = "trx";
    if (at + 1 == e.pattern.size() || escapes.find(e.pattern[at + 1]) == std::string_view::npos) return false;
    any = true;
  }
  const auto value = unescape_python(e.pattern);
  return any && value.ok() && value.value().find('\n') == std::string::npos;
}

bool is_cram_code(std::string_view text) {
  const auto value = exit_code_line(text);
  return value && *value > 0 && *value < 256 && text == fmt::format("[{}]", *value);
}

constexpr std::string_view hint_begin = "# Cram ", hidden_begin = "<!-- cram: ", hidden_end = " -->",
                           origin = "# From Cram, indentation ";

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The number at the start of `text`, written as we write it, taken off.
std::optional<size_t> take_number(std::string_view& text) {
  constexpr size_t most_digits = 9;
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > most_digits || text[0] == '0') return std::nullopt;
  size_t value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

}  // namespace

std::string in_markdown(const Expectation& expectation, bool behind_command) {
  Expectation wanted = with_common_escapes(expectation, Dialect::cram);
  wanted.unescape = wanted.unescape || means_bytes(wanted);
  if (wanted.pattern == expectation.pattern && says(expectation.text, wanted, Dialect::markdown) &&
      !exit_code_line(expectation.text) && !(behind_command && continuation(expectation.text)))
    return expectation.text;
  std::string text = spelled_in_markdown(wanted);
  const bool hide = behind_command && continuation(text);
  if (hide || !says(text, wanted, Dialect::markdown)) text = spelled_in_markdown(in_escapes(wanted, hide));
  return text;
}

std::string in_cram(const Expectation& expectation, bool behind_command, bool last) {
  Expectation wanted = with_common_escapes(expectation, Dialect::markdown);
  wanted.multi = false;
  if (wanted.rule == Rule::json) {
    wanted.rule = Rule::equal;
    wanted.pattern = wanted.text;
    wanted.optional = false;
  }
  std::string text = spelled_in_cram(wanted);
  const bool hide =
      text.starts_with("$ ") || (behind_command && continuation(text)) || (last && is_cram_code(text));
  if (hide || !says(text, wanted, Dialect::cram)) text = spelled_in_cram(in_escapes(wanted, hide));
  return text;
}

std::optional<Hint> read_hint(std::string_view comment) {
  Hint hint;
  if (!take(comment, hint_begin)) return std::nullopt;
  if (take(comment, "text "))
    hint.kind = Hint::Kind::text;
  else if (!take(comment, "line "))
    return std::nullopt;
  const auto number = take_number(comment);
  if (!number || !take(comment, ": ")) return std::nullopt;
  hint.index = *number - 1;
  hint.words = comment;
  return hint;
}

std::string write_hint(const Hint& hint) {
  return fmt::format("{}{} {}: {}", hint_begin, hint.kind == Hint::Kind::text ? "text" : "line",
                     hint.index + 1, hint.words);
}

std::optional<std::string_view> hidden_text(std::string_view line) {
  if (line.size() < hidden_begin.size() + hidden_end.size() || !line.starts_with(hidden_begin) ||
      !line.ends_with(hidden_end))
    return std::nullopt;
  return line.substr(hidden_begin.size(), line.size() - hidden_begin.size() - hidden_end.size());
}

std::string hide_text(std::string_view text) { return fmt::format("{}{}{}", hidden_begin, text, hidden_end); }

bool is_indented(std::string_view line, std::string_view indent) {
  line.remove_prefix(std::min(line.find_first_not_of('\\'), line.size()));
  return line.starts_with(indent);
}

std::string front_matter_of_cram(size_t indent) {
  return fmt::format(
      "---\n{}{}\nshell: /bin/sh\ndefaults:\n  output_stream: combined\n  keep_crlf: true\n---\n\n", origin,
      indent);
}

std::optional<size_t> indent_of_front_matter(std::string_view line) {
  if (!take(line, origin)) return std::nullopt;
  const auto number = take_number(line);
  constexpr size_t widest = 100;
  return number && line.empty() && *number <= widest ? number : std::nullopt;
}

std::string_view usual_end(std::string_view source) {
  const size_t end = source.find('\n');
  return end != std::string_view::npos && end != 0 && source[end - 1] == '\r' ? "\r\n" : "\n";
}

std::string_view end_behind(std::string_view text, std::string_view end) {
  if (!text.ends_with('\r') || end.starts_with('\r')) return end;
  return end.empty() ? "\r" : "\r\n";
}

std::string_view byte_order_mark(std::string_view source) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  return source.starts_with(mark) ? mark : std::string_view();
}

}  // namespace testctr::script
