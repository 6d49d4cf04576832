// Whether Cram takes a line of its output for a line of the test: by the whole lines as they stand in the
// file, indentation, escapes and suffixes included.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace testctr::script {

/// A line of a test, ready to be held against others. Made for a line at a time, and only when lines differ:
/// what it compiles is compiled when it is first needed.
class CramPattern {
 public:
  /// @param line with its "\n"; must outlive this
  explicit CramPattern(std::string_view line);
  CramPattern(CramPattern&&) noexcept;
  CramPattern& operator=(CramPattern&&) noexcept;
  ~CramPattern();

  /// Whether it can match anything but itself.
  [[nodiscard]] bool is_pattern() const;
  /// @param line as Cram would write it: with its "\n", " (no-eol)" and " (esc)"
  [[nodiscard]] bool matches(std::string_view line) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::script
