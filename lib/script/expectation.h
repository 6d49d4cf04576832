// One expected line: its grammar (text, rule, quantifier), what output it stands for, and how a line of
// output is written as an expectation.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "script/document.h"

namespace testctr::script {

/// Splits an expected line into pattern, rule and quantifier. Never fails: what is no known suffix is text.
/// `line` and `span` are left to the caller.
Expectation parse_expectation(std::string_view text, Dialect dialect, Compat compat = Compat::none);

/// Whether the expectation can be matched at all: an invalid regular expression, glob, escape or JSON is an
/// error (usage), a sentence without place. Under `Compat::cram` such a pattern just matches nothing else
/// than itself, and is none.
Status check(const Expectation& expectation, Dialect dialect, Compat compat);

/// `line` of output (with its "\n" unless it is the last and has none) as an expectation's text that matches
/// it and nothing else: escaped where it must be, with "(no-eol)" or "(equal)" where it would be read
/// otherwise. Cram documents escape all that is not printable ASCII and use Cram's words "(esc)" and
/// "(no-eol)"; Markdown leaves printable UTF-8 as it is.
std::string expectation_for(std::string_view line, Dialect dialect);

/// Values for `interpolated: true`.
using Variables = std::map<std::string, std::string, std::less<>>;

/// An expectation made ready to be held against lines of output. Cheap to move; may be used by one thread.
class LineMatcher {
 public:
  /// Errors as of `check`. @param variables where the case is interpolated: `${NAME}` and `$NAME` stand for
  /// their values, literally also within globs and regular expressions, and `$$` for `$`; an unknown name
  /// stays as it is. Null: not interpolated.
  static Result<LineMatcher> make(const Expectation& expectation, Dialect dialect, Compat compat,
                                  const Variables* variables);
  LineMatcher(LineMatcher&&) noexcept;
  LineMatcher& operator=(LineMatcher&&) noexcept;
  ~LineMatcher();

  /// @param line with its "\n", unless it is the last of the output and has none.
  [[nodiscard]] bool matches(std::string_view line) const;
  /// What named groups of a regular expression took from a line that matches.
  [[nodiscard]] Variables captures(std::string_view line) const;

 private:
  struct Impl;
  explicit LineMatcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::script
