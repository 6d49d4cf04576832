// What both ways of conversion share: expectations in the other dialect's words, and the marks that hide and
// keep what only one of them has.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "script/document.h"
#include "script/lines.h"

namespace testctr::script {

/// An expectation of a Cram document in Markdown's words.
/// @param behind_command whether it comes right behind the command, where ">" would continue that
std::string in_markdown(const Expectation& expectation, bool behind_command);

/// An expectation of a Markdown document in Cram's words. What Cram has no words for (`multi`, `json`) is
/// left out.
/// @param last whether it is the last line of the body, where "[N]" would be a code
std::string in_cram(const Expectation& expectation, bool behind_command, bool last);

/// A comment in a block about a line of its body in Cram.
struct Hint {
  enum class Kind : uint8_t {
    line,  ///< what the line is in Cram
    text,  ///< text before it
  };
  Kind kind = Kind::line;
  size_t index = 0;  ///< of the line in the body, from 0
  std::string_view words;
};
/// Nothing when the comment is any other.
std::optional<Hint> read_hint(std::string_view comment);
std::string write_hint(const Hint& hint);

/// What `<!-- cram: TEXT -->` hides; nothing when `line` is none.
std::optional<std::string_view> hidden_text(std::string_view line);
std::string hide_text(std::string_view text);

/// Whether Cram would see structure in the line, were the backslashes before it gone (or are there none).
bool is_indented(std::string_view line, std::string_view indent);

/// In front of comments that stand in a block of Markdown.
constexpr std::string_view comment_mark = "#scrut ";

/// The front matter of Cram as Markdown; the indentation that its first line tells.
std::string front_matter_of_cram(size_t indent);
std::optional<size_t> indent_of_front_matter(std::string_view line);

/// A line's end, perhaps empty.
inline std::string_view end_of(std::string_view source, const Line& line) {
  return source.substr(line.place.end, line.whole.end - line.place.end);
}

/// The line end for lines that are added: that of the first.
std::string_view usual_end(std::string_view source);

/// `end`, or what it must be for a "\r" at the end of `text` not to be taken for a part of it.
std::string_view end_behind(std::string_view text, std::string_view end);

/// The byte order mark, if the source begins with it.
std::string_view byte_order_mark(std::string_view source);

}  // namespace testctr::script
