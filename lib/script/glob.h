// Globs over one line: `*` any text, `?` one character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::script {

/// A pattern of `*`, `?` and text. A character is a code point where the text is UTF-8, else a byte. Matching
/// never goes back over a `*`, so the worst case is line times pattern, 64 characters at a step.
class Glob {
 public:
  /// @param escapes whether `\*`, `\?` and `\\` stand for the character (any other backslash is one).
  /// Error: a lone backslash at the end.
  static Result<Glob> make(std::string_view pattern, bool escapes);

  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  using Text = std::u32string;
  static constexpr char32_t any_one = 0x200000;  ///< `?` within a segment

  [[nodiscard]] bool matches_characters(const Text& text) const;
  [[nodiscard]] bool matches_bytes(std::string_view text) const;

  std::vector<Text> segments_;      ///< what stands between the `*`
  std::vector<std::string> bytes_;  ///< the same as bytes, when no `?` and only UTF-8 is in them
  bool plain_ = true;
};

/// `text` as a glob (with escapes) that matches only it.
std::string quote_glob(std::string_view text);

}  // namespace testctr::script
