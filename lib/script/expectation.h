// One expected line: its grammar (text, rule, quantifier), what output it stands for, and how a line of
// output is written as an expectation.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/document.h"

namespace testctr::script {

/// Splits an expected line into pattern, rule and quantifier. Never fails: what is no known suffix is text.
/// `line` and `span` are left to the caller.
Expectation parse_expectation(std::string_view text, Dialect dialect, Compat compat = Compat::none);

/// Whether the expectation can be matched at all: an invalid regular expression, glob, escape or JSON is an
/// error (usage), a sentence without place. Under `Compat::cram` such a pattern just matches nothing else
/// than itself, and is none. (JSON that only becomes JSON when variables are put in is taken for valid.)
Status check(const Expectation& expectation, Dialect dialect, Compat compat);

/// `line` of output (with its "\n" unless it is the last and has none) as an expectation's text that matches
/// it and nothing else: escaped where it must be, with "(no-eol)" or "(equal)" where it would be read
/// otherwise. Cram documents escape all that is not printable ASCII and use Cram's words "(esc)" and
/// "(no-eol)"; Markdown leaves printable UTF-8 as it is. (In Markdown, escaped text is as well the same line
/// without its "\n": Scrut has it so.) What a reader would take for a fence, a command or a `[N]` is hidden
/// from it.
/// @param behind_command whether it comes right behind the command, where "> " continues that in Markdown
std::string expectation_for(std::string_view line, Dialect dialect, bool behind_command = false);

/// Values for `interpolated: true`.
using Variables = std::map<std::string, std::string, std::less<>>;

/// An expectation made ready to be held against lines of output. Cheap to move; may be used by one thread.
///
/// Regular expressions see characters where expression and line are UTF-8; a line that is not is seen as
/// bytes (Latin-1), so that `.` is any one of them and `\xff` the byte. Globs always see characters, each
/// invalid byte one. Cram documents match a line as it is and as Cram would write it, with its escapes,
/// "(esc)" and "(no-eol)"; under `Compat::cram` only the latter, indentation included.
class LineMatcher {
 public:
  /// Errors as of `check`. @param variables where the case is interpolated: `${NAME}` and `$NAME` stand for
  /// their values, literally also within globs and regular expressions, and `$$` for `$`; an unknown name
  /// stays as it is. Null: not interpolated.
  /// @param indent of a Cram document, which Cram's patterns see
  static Result<LineMatcher> make(const Expectation& expectation, Dialect dialect, Compat compat,
                                  const Variables* variables, size_t indent = 2);
  LineMatcher(LineMatcher&&) noexcept;
  LineMatcher& operator=(LineMatcher&&) noexcept;
  ~LineMatcher();

  /// @param line with its "\n", unless it is the last of the output and has none.
  [[nodiscard]] bool matches(std::string_view line) const;
  /// What named groups of a regular expression took from a line that matches.
  [[nodiscard]] Variables captures(std::string_view line) const;

  /// Lines that match because they are named; empty only where none is.
  [[nodiscard]] const std::vector<std::string>& named_lines() const;
  /// Whether no others match.
  [[nodiscard]] bool is_exact() const;

 private:
  struct Impl;
  explicit LineMatcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::script
