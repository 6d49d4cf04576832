// The lines of a document with their places: what readers walk over, forwards and once.
#pragma once

#include <optional>
#include <string_view>

#include "script/document.h"

namespace testctr::script {

struct Line {
  uint32_t number = 0;    ///< 1-based
  Span whole;             ///< with its line end
  Span place;             ///< of `text`
  std::string_view text;  ///< without "\n", "\r\n" or a last "\r"
};

/// Cheap to copy, which is how one looks ahead.
class LineCursor {
 public:
  explicit LineCursor(std::string_view source) : source_(source) {}

  /// The next line, nothing at the end. A byte order mark belongs to the first line, but not to its text.
  std::optional<Line> next() {
    if (at_ >= source_.size()) return std::nullopt;
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    Line line;
    line.number = ++number_;
    size_t end = source_.find('\n', at_);
    line.whole = {at_, end == std::string_view::npos ? source_.size() : end + 1};
    line.place = {at_, end == std::string_view::npos ? source_.size() : end};
    if (at_ == 0 && source_.starts_with(mark)) line.place.begin = mark.size();
    // At the very end too: were a line written behind it, it would be a line end.
    if (line.place.size() > 0 && source_[line.place.end - 1] == '\r') --line.place.end;
    line.text = source_.substr(line.place.begin, line.place.size());
    at_ = line.whole.end;
    return line;
  }

 private:
  std::string_view source_;
  size_t at_ = 0;
  uint32_t number_ = 0;
};

/// Longer documents are refused: nobody writes them, and lines are counted in 32 bits.
constexpr size_t largest_document = size_t{1} << 30;

}  // namespace testctr::script
