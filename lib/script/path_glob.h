// Globs over paths: `*` and `?` within a component, `**` any number of folders.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/glob.h"

namespace testctr::script {

/// A pattern over paths. In front of the first component with a wildcard (at the latest in front of the last
/// component) stands its base, plain folders; names are told and matched without it. As in shells, a wildcard
/// does not stand for a dot at the beginning of a component. `\*`, `\?` and `\\` are the characters.
class PathGlob {
 public:
  /// One component of the pattern.
  struct Part {
    bool any_depth = false;    ///< `**`
    bool plain = false;        ///< no wildcard: `text` is the name
    std::string text;          ///< without escapes where it is plain
    std::optional<Glob> glob;  ///< where it is neither
    /// Whether a component of a name fits (never asked of `any_depth`).
    [[nodiscard]] bool fits(std::string_view name) const;
  };

  /// Errors (usage): empty, only `/`, a component `.` or `..`, a null byte, a lone backslash, more than 64
  /// components.
  static Result<PathGlob> make(std::string_view pattern);

  [[nodiscard]] bool absolute() const { return absolute_; }
  /// The folders in front of the first wildcard.
  [[nodiscard]] const std::vector<std::string>& base() const { return base_; }
  /// The rest, at least one.
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

  /// Whether the components of a name below the base match, or begin with what matches (a folder that
  /// matches, with what is in it).
  [[nodiscard]] bool covers(const std::vector<std::string>& name) const;

  /// Which parts of the pattern can come next: the state of a walk downwards. Sorted, without doubles.
  using State = std::vector<size_t>;
  [[nodiscard]] State begin() const;
  /// After another component. @param matched set when the name up to it matches the whole pattern
  [[nodiscard]] State step(const State& state, std::string_view component, bool& matched) const;

 private:
  bool absolute_ = false;
  std::vector<std::string> base_;
  std::vector<Part> parts_;
};

}  // namespace testctr::script
