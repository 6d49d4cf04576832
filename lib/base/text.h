// Small things with text. Strings are bytes: nothing here assumes UTF-8 unless it says so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace testctr::text {

/// Splits at every `separator`; `split("a,,b", ',')` has three parts, `split("", ',')` one empty one.
std::vector<std::string> split(std::string_view text, char separator);
/// Lines with their ends ("\n") kept; the last may lack one. Empty text has no lines.
std::vector<std::string_view> lines(std::string_view text);
/// The lines are views: of a temporary nothing would be left to see.
template <class T>
requires std::is_same_v<T, std::string> std::vector<std::string_view> lines(T&& text)
= delete;
std::string join(std::span<const std::string> parts, std::string_view separator);
/// Without blanks (space, tab, CR, LF) at both ends.
std::string_view trim(std::string_view text);
bool is_utf8(std::string_view bytes);
/// Each maximal invalid sequence replaced by U+FFFD, as Unicode recommends and as Go reads a string byte by
/// byte (one U+FFFD per bad byte).
std::string to_utf8(std::string_view bytes);
/// For a terminal or a message: control bytes, invalid UTF-8 and characters that turn text round as \xNN, tab
/// and newline kept only when `keep_layout`.
std::string printable(std::string_view bytes, bool keep_layout = false);
/// How many columns of a terminal `text`, which is printable, takes at most: what may be wide counts as two,
/// everything else, marks above letters too, as one.
size_t columns_at_most(std::string_view text);
/// `text`, which is printable, cut so that it takes no more columns than that; what was cut ends with "...".
std::string within_columns(std::string_view text, size_t columns);
/// In double quotes, with escapes, for messages.
std::string quoted(std::string_view bytes);
/// For a POSIX shell: as it is where safe, else in single quotes.
std::string shell_quoted(std::string_view word);
/// Damerau-Levenshtein distance, by bytes.
size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`, if near enough (distance <= max(1, length/3)) to be worth a "did you
/// mean".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
std::string hex(std::string_view bytes);
/// Whether every byte is one of 0-9a-f and the length fits.
bool is_hex(std::string_view text, size_t length);
/// "1.5 GiB" for people.
std::string human_size(uint64_t bytes);
/// Parses "512", "4KiB", "1GiB", "2G", "10m" (powers of 1024, any letter case). Nothing when it is not a
/// size.
std::optional<uint64_t> parse_size(std::string_view text);
/// Parses a Go duration ("1h2m3.5s", "300ms", "10us") or plain seconds is refused. @return nanoseconds;
/// nothing when malformed, negative or too large.
std::optional<int64_t> parse_duration(std::string_view text);
/// "1m30s", "2.5s", "300ms".
std::string format_duration(int64_t nanoseconds);

}  // namespace testctr::text
