// The grammar of one line of the script part: words, quotes, prefixes, the trailing `&`. Nothing is expanded
// here.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "script/script.h"

namespace testctr::script {

/// Where a line stands, for messages.
struct Place {
  std::string_view file;
  uint32_t line = 0;
};

/// An error at a byte of a line. @param offset 0-based byte of the line.
Error line_error(const Place& place, size_t offset, std::string_view what);

/// Parses one line of the comment that is not a phase (its first byte is not `#`). @param line without its
/// "\n".
/// @return nothing for an empty line. Errors (Fault::usage) say file, line and column.
Result<std::optional<Command>> parse_line(const Place& place, std::string_view line);

/// The same in a language other than ours: its words as they stand, without prefixes taken off; a quote that
/// does not end becomes the command's `defect`. @return nothing for an empty line
std::optional<Command> parse_words(const Place& place, std::string_view line);

/// A section's line: `[host]`, `[container]`, `[container IMAGE]` or `[container IMAGE as NAME]`, blanks
/// around it and a comment behind it allowed. @return nothing for any other line; its `first` is for the
/// caller to set
Result<std::optional<Section>> parse_section(const Place& place, std::string_view line);

}  // namespace testctr::script
