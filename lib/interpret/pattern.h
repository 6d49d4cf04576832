// Regular expressions as the script language has them: RE2 syntax, `^` and `$` at lines, text in UTF-8 where
// bytes that are none count as U+FFFD (script-language.md, section 9).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace testctr::interpret {

class Pattern {
 public:
  /// Compiles `(?m)` + `expression`. The error (usage) says what is wrong and where in the expression.
  static Result<Pattern> compile(std::string_view expression);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  /// The first match, as a part of `text`. @param text valid UTF-8 (`valid_text`)
  [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;
  /// What the first group of the first match took - nothing at all is an empty text -; the whole match where
  /// the expression has no group.
  [[nodiscard]] std::optional<std::string_view> find_group(std::string_view text) const;
  /// The number of matches that do not overlap, by Go's rule: an empty match right after a match does not
  /// count.
  [[nodiscard]] uint64_t count(std::string_view text) const;

 private:
  explicit Pattern(std::unique_ptr<re2::RE2> regexp);
  std::unique_ptr<re2::RE2> regexp_;
};

/// `text` so that a regular expression matches exactly it (Go's regexp.QuoteMeta).
std::string quote_meta(std::string_view text);

/// The whole lines of `text` that `match`, a part of it, lies in; without the last line's end.
std::string_view lines_around(std::string_view text, std::string_view match);

}  // namespace testctr::interpret
