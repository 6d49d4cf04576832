// Which tests are meant by an expression such as `tag:fast and not (image:golang* or format:cram)`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"
#include "script/glob.h"

namespace testctr::plan {

/// An expression of terms KEY:PATTERN, joined by `and`, `or`, `not` (or `&`, `|`, `!`) and parentheses; `not`
/// binds closest, then `and`. Keys: name, path, tag, image, format (script, scrut, cram). A pattern with `*`
/// or
/// `?` is meant as a whole; without, a name or path has it somewhere, a tag, image or format is it. A pattern
/// alone is one of names. In quotes, '...' or "...", it may hold anything else.
class Filter {
 public:
  /// Errors (usage), each with its column: an empty expression, a missing operand or operator, an unknown
  /// key, an unknown format, an open quote or parenthesis, one that is nested more than 100 deep.
  static Result<Filter> parse(std::string_view expression);

  [[nodiscard]] bool matches(const Job& job) const;

 private:
  friend class FilterParser;
  enum class Kind : uint8_t { name, path, tag, image, format, no, both, either };
  struct Node {
    Kind kind = Kind::name;
    std::string text;
    std::optional<script::Glob> glob;  ///< where the text has a wildcard
    size_t left = 0, right = 0;        ///< indices of operands, which stand before it
    /// Whether a value of the job is what the pattern means. @param whole it must be it, not only have it
    [[nodiscard]] bool fits(std::string_view value, bool whole) const;
  };
  [[nodiscard]] bool term(const Node& node, const Job& job) const;

  std::vector<Node> nodes_;  ///< the last is the whole
};

}  // namespace testctr::plan
