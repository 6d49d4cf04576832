// The fences of Markdown's code blocks, as CommonMark has them, and which of them begin a test.
#pragma once

#include <optional>
#include <string_view>

#include "script/lines.h"

namespace testctr::script {

enum class Language : uint8_t {
  other,     ///< no test
  test,      ///< "scrut" or "testctr"
  odd_test,  ///< the same in another letter case
};

/// An opening fence.
struct Fence {
  char kind = '`';        ///< or '~'
  size_t length = 0;      ///< at least 3
  size_t indent = 0;      ///< blanks before it, at most 3
  std::string_view word;  ///< the language as written, perhaps empty
  std::string_view rest;  ///< of the info string behind the language, trimmed
  Language language = Language::other;
  bool broken = false;  ///< a test by all appearances, but Markdown takes it for text: a backtick behind it
  [[nodiscard]] bool is_test() const { return language != Language::other; }
};

/// What `line` (without its end) opens; nothing when it is no fence.
std::optional<Fence> opening_fence(std::string_view line);

/// Whether `line` closes the block that `fence` opened.
bool closes(const Fence& fence, std::string_view line);

/// Whether `line`, which stands in the block that `fence` opened, looks like the beginning of a test that the
/// author did not mean to hide: a real example has a longer fence around it.
bool hides_test(const Fence& fence, std::string_view line);

/// How many bytes of a content line's indentation belong to the fence and not to the content.
size_t fence_indentation(const Fence& fence, std::string_view line);

/// The document's front matter: the lines between "---" and "---" at its top, which blank lines may precede.
struct FrontMatter {
  uint32_t line = 0;  ///< of the opening "---"
  bool closed = false;
  uint32_t first = 0;  ///< line number of the first line inside
  Span inside;
};
/// Nothing when there is none; `cursor` then stays, else it stands behind (unclosed: behind the opening
/// line).
std::optional<FrontMatter> read_front_matter(LineCursor& cursor);

}  // namespace testctr::script
