// Holds the output of a case against its expectations: whether they match as a sequence, which line belongs
// to which expectation, and what to show when they do not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/document.h"
#include "script/expectation.h"

namespace testctr::script {

/// A piece of the alignment. In order, the steps name every expectation and every line exactly once.
struct Step {
  enum class Kind : uint8_t {
    matched,     ///< `lines` lines from `line` on belong to `expectation` (0 for an optional one)
    missing,     ///< no line belongs to `expectation`, and one would have to
    unexpected,  ///< `lines` lines from `line` on belong to none
  };
  Kind kind = Kind::matched;
  size_t expectation = 0;
  size_t line = 0, lines = 0;
  bool operator==(const Step&) const = default;
};

struct Comparison {
  bool equal = false;
  std::vector<Step> steps;
  Variables captures;  ///< of named groups in the expectations that lines belong to, equal or not
};

struct CompareOptions {
  Dialect dialect = Dialect::markdown;
  Compat compat = Compat::none;
  const Variables* variables = nullptr;  ///< as for LineMatcher
  size_t indent = 2;                     ///< of a Cram document
};

/// Whether `output` matches `expectations` under some assignment of lines to them, each line to one and in
/// order (`Compat::none`); as Scrut or Cram would decide it otherwise. An output that does not is aligned
/// with as little missing and unexpected as can be found within a bounded effort.
/// Errors (usage): as of `check`, with "line N: " in front; so many ways to assign lines to quantified
/// expectations that it cannot be decided within bounds.
///
/// Effort: equal ones are told in one pass where no quantifier leaves a choice, else by following all choices
/// at once; unequal ones are aligned by a search over a bounded number of states, and what that cannot settle
/// by lines that stand only once on both sides. Memory grows with lines plus expectations.
Result<Comparison> compare(const std::vector<Expectation>& expectations, std::string_view output,
                           const CompareOptions& options);

/// The lines of an output as they are compared: with their "\n"; the last may lack it.
std::vector<std::string_view> output_lines(std::string_view output);
/// The same under `options`: as Cram has it, a "\r" ends a line too ("\r\n" ends one), and any line but one
/// with "\n" lacks its end.
std::vector<std::string_view> output_lines(std::string_view output, const CompareOptions& options);

/// The output as it is compared: CRLF as LF unless `keep_crlf`, without terminal escape sequences (ECMA-48:
/// CSI, OSC and the like; tabs and other control bytes stay) if `strip_ansi`.
std::string normalised(std::string_view output, bool keep_crlf, bool strip_ansi);

/// A unified diff for people: expectations as written, lines of output as expectations, a few lines around
/// each difference. Lines begin with " ", "-" (missing) or "+" (unexpected); "@@" stands where something
/// is left out, with the document's line. A run of lines is its one expectation. @param most bytes; beyond it
/// is cut, which is said.
std::string render_difference(const std::vector<Expectation>& expectations, std::string_view output,
                              const Comparison& comparison, const CompareOptions& options, size_t most);
std::string render_difference(const std::vector<Expectation>& expectations, std::string_view output,
                              const Comparison& comparison, Dialect dialect, size_t most);

/// Holds JSON against JSON (`(json)` expectations, `mode: jsonschema`).
/// @param schema YAML or JSON, draft 7. @return nothing when `output` is one valid document; else what is
/// wrong, a line for each: "/pointer: reason". Errors (usage): the schema is none, or uses a keyword that is
/// not known.
Result<std::string> check_json_schema(std::string_view schema, std::string_view output);

}  // namespace testctr::script
