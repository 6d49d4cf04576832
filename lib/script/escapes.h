// Backslash escapes of expected lines: undone when they are read, put in when a line of output is written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::script {

/// Undoes Scrut's escapes: `\a \b \e \f \r \t \v \\`, `\0OO` (octal) and `\xHH`; any other backslash stays.
/// Error: the text ends in a backslash that nothing follows.
Result<std::string> unescape_scrut(std::string_view text);
/// Undoes Python's escapes, as Cram has them: `\a \b \f \n \r \t \v \\ \' \"`, one to three octal digits,
/// `\xHH`; any other backslash stays. Error: a `\x` without two digits, a backslash at the end.
Result<std::string> unescape_python(std::string_view text);

/// `text` (no line end) with `\t`, `\r`, `\\` and `\xHH` for all that is not printable ASCII.
std::string escape_ascii(std::string_view text);
/// The same, but printable UTF-8 stays as it is.
std::string escape_unicode(std::string_view text);
/// Whether a line reads the same when it is shown as it is: printable ASCII alone, or printable UTF-8.
bool is_printable_ascii(std::string_view text);
bool is_printable_unicode(std::string_view text);

/// A line of output as Cram writes it into a test, without indentation: with its "\n", " (no-eol)" if it had
/// none, escapes and " (esc)" if it has bytes that are not printable ASCII.
std::string cram_rendering(std::string_view line);

/// The code point at the start of `bytes` and its length; of an invalid byte 0x110000 + byte, and 1.
struct Character {
  char32_t value = 0;
  size_t size = 1;
};
Character first_character(std::string_view bytes);
constexpr char32_t invalid_byte = 0x110000;

}  // namespace testctr::script
