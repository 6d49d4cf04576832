// Reads what JsonLines wrote. Its input is hostile: each line is bounded by the caller, every value has its
// type and range, and an error says what is wrong with which member.
#pragma once

#include <string_view>
#include <variant>

#include "base/fd.h"
#include "report/collector.h"

namespace testctr::report {

/// What run_ended says.
struct EndedRun {
  RunEnding ending;
  uint64_t passed = 0, failed = 0, errors = 0, skipped = 0, not_run = 0;
  uint64_t flaky = 0, xfail = 0, xpass = 0;
};

/// A line of a type that this program does not know: later ones may write more.
struct UnknownLine {
  std::string type;
};

using EventLine = std::variant<RunStart, Event, EndedRun, UnknownLine>;

/// One line, without its end. Errors (usage): no JSON, another version, a member of a wrong type or out of
/// range.
Result<EventLine> read_event_line(std::string_view line);

/// Longest line that is read. An event's texts have together no more than a few MiB; JSON may write a byte as
/// six.
inline constexpr size_t longest_event_line = size_t{64} << 20;

/// Longest time and duration that is read: sums of some of them must be numbers, too.
inline constexpr int64_t longest_time = INT64_MAX / 8;

/// Lines of a file, one after the other.
class LineReader {
 public:
  /// @param fd read from where it stands @param longest see `next`
  LineReader(Fd fd, size_t longest) : fd_(std::move(fd)), longest_(longest) {}

  /// The next line without its end; nothing at the end of the file. A last line that has no end is not given:
  /// `is_cut` says that there was one. Errors: the file cannot be read; the line is longer than allowed.
  Result<std::optional<std::string>> next();
  /// Of the line that `next` gave last, from 1; of the one that it failed at.
  [[nodiscard]] uint64_t line() const { return line_; }
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  Fd fd_;
  size_t longest_;
  std::string buffer_;
  size_t begin_ = 0;
  uint64_t line_ = 0;
  bool cut_ = false;
};

}  // namespace testctr::report
