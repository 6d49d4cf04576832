// What can be said of a script without running it: mistakes that keep it from running, and lines that do not
// mean what they look like.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "script/script.h"

namespace testctr::interpret {

enum class Severity : uint8_t {
  error,    ///< the script cannot be carried out
  warning,  ///< it can, but hardly does what it should
};

/// A thing that is looked for.
struct Rule {
  std::string_view id;
  Severity severity = Severity::warning;
  std::string_view summary;  ///< one sentence, without a full stop
};

/// All rules, those of manifests and documents too, sorted by id.
std::span<const Rule> all_rules();
/// Nothing when there is none of that name.
const Rule* find_rule(std::string_view id);

struct Finding {
  std::string file;
  uint32_t line = 0, column = 0;  ///< 1-based, columns in bytes; 0: of the file as a whole
  std::string_view rule;          ///< the id of one of all_rules()
  std::string message;            ///< a sentence without a full stop, and without the place
  std::string hint;               ///< what to do; may be empty
  auto operator<=>(const Finding&) const = default;
};

struct LintOptions {
  std::vector<std::string> programs;    ///< as in Setting
  std::vector<std::string> conditions;  ///< names, beside those that there are
  bool goes_on = false;                 ///< other scripts of its test ran before it, whose output it has
  bool several = false;                 ///< its test has other scripts
};

/// What keeps a script from being carried out: what `check` says, each with its rule.
std::vector<Finding> errors_in(const script::Script& script, const std::vector<std::string>& programs = {},
                               const std::vector<std::string>& conditions = {});

/// What will be an error of a script in another dialect when the line's turn comes, as far as that can be
/// seen: it may never come. Nothing for our own.
std::vector<Finding> late_errors_in(const script::Script& script, const LintOptions& options);

/// The warnings, in the order of their places; none for other dialects than our own. Those that a comment `#
/// check:ignore RULE...` names are left out: on a command's line for that line, on a line of its own for the
/// whole script.
std::vector<Finding> lint(const script::Script& script, const LintOptions& options = {});

}  // namespace testctr::interpret
