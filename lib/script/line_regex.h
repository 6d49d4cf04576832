// A regular expression over one line of output, whose bytes need not be UTF-8.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "script/expectation.h"

namespace re2 {
class RE2;
}

namespace testctr::script {

class LineRegex {
 public:
  /// @param compat `Compat::scrut`: "^" and "$" are put around the text as it is, after Scrut's repairs of
  /// superfluous escapes, lone braces and lone brackets; else the whole line has to match.
  static Result<LineRegex> make(std::string_view expression, Compat compat);
  LineRegex(LineRegex&&) noexcept;
  LineRegex& operator=(LineRegex&&) noexcept;
  ~LineRegex();

  /// @param line without "\n"
  [[nodiscard]] bool matches(std::string_view line) const;
  /// What the named groups took, when it matches.
  [[nodiscard]] Variables captures(std::string_view line) const;

 private:
  LineRegex();
  [[nodiscard]] const re2::RE2* engine_for(std::string_view line) const;

  std::string expression_;
  std::string prefix_;  ///< every match begins with it: most lines are refused without the engine
  bool anchored_ = true;
  std::unique_ptr<re2::RE2> text_;           ///< on characters; none where the expression is not UTF-8
  mutable std::unique_ptr<re2::RE2> bytes_;  ///< on bytes, made for the first line that is not UTF-8
};

/// Scrut's repairs: a backslash before what needs none is dropped, braces that are no repetition and brackets
/// within a class are escaped.
std::string scrut_repaired(std::string_view expression);

}  // namespace testctr::script
