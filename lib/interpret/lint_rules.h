// The rules of `lint`, a group in a file, and what they and `check` have in common.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/lint.h"

namespace testctr::interpret {

/// What rules are given to say things by.
class Findings {
 public:
  explicit Findings(const script::Script& script) : script_(script) {}
  /// At a byte of a line.
  void add(std::string_view rule, uint32_t line, size_t column, std::string message, std::string hint = {});
  /// At a command's name, or at its argument of that index.
  void at_name(std::string_view rule, const script::Command& command, std::string message,
               std::string hint = {});
  void at_argument(std::string_view rule, const script::Command& command, size_t index, std::string message,
                   std::string hint = {});
  [[nodiscard]] std::vector<Finding> take() { return std::move(all_); }

 private:
  const script::Script& script_;
  std::vector<Finding> all_;
};

/// A word's text when no variable is in it.
std::optional<std::string> constant(const script::Word& word);
/// A word's text, with variables as they are written.
std::string raw(const script::Word& word);
/// Whether it is `stdout`, `stderr` or `grep`, which look for a pattern.
bool is_matcher(const script::Command& command);
/// The index of a matcher's pattern among its arguments; nothing where a variable may be a flag. @param
/// counted set to whether `-count` is given
std::optional<size_t> pattern_of(const script::Command& command, bool& counted);

/// lint_words.cc: what a shell would understand.
void lint_words(const script::Command& command, Findings& findings);
/// lint_patterns.cc: patterns that match everything, or nothing.
void lint_pattern(const script::Command& command, Findings& findings);
/// lint_flow.cc: what the order of the lines says.
void lint_flow(const script::Script& script, const LintOptions& options, Findings& findings);
/// lint_files.cc: files that nothing uses.
void lint_files(const script::Script& script, Findings& findings);

}  // namespace testctr::interpret
