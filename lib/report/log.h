// The phase log of one script while it runs: what was carried out and what it printed, in order. A phase that
// went well is reduced to its title, so that what is kept is what a reader of a failure wants to see.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/spill.h"

namespace testctr::report {

class Log {
 public:
  enum class Kind : uint8_t { phase, command, note, output, message };

  /// What one command's stream may show at its beginning and, beyond that, at its end.
  static constexpr size_t shown_head = size_t{4} << 10;
  static constexpr size_t shown_tail = size_t{12} << 10;

  /// A part of the log.
  struct Range {
    uint64_t begin = 0, end = 0;
    bool operator==(const Range&) const = default;
  };

  /// @param everything keep finished phases and all of the output that came.
  explicit Log(bool everything) : everything_(everything) {}

  /// A phase begins; what the one before it did is forgotten (unless everything is kept).
  void phase(std::string_view title, int64_t time_ns);
  void command(std::string_view text);
  /// A case has ended: what came since the last phase or case did is forgotten unless `keep` (or everything
  /// is kept). @param own whether the last command is the case's own: a case that ran beside others has only
  /// its output here. @return what is kept of the case, its command and what followed; perhaps nothing
  Range close_case(bool keep, bool own);
  void note(std::string_view text);
  void message(std::string_view text);
  /// Bytes of a stream ("stdout", "stderr") of the current command.
  void output(std::string_view stream, std::string_view bytes);
  /// The script ended: the last phase's time is known.
  void end(int64_t time_ns);

  /// The entries in order. The text of a phase has its time; that of an output is "[stdout]\n" and the bytes.
  void for_each(const std::function<void(Kind, std::string_view)>& take) const;
  /// The entries of a part that `close_case` returned.
  void for_each(Range range, const std::function<void(Kind, std::string_view)>& take) const;
  [[nodiscard]] bool empty() const { return entries_.size() == 0; }
  [[nodiscard]] const Status& status() const { return entries_.status(); }

 private:
  struct Stream {
    std::string name;
    size_t shown = 0;      ///< bytes of the current command in the log
    uint64_t dropped = 0;  ///< bytes between head and tail
    std::string tail;
  };
  void add(Kind kind, std::string_view text);
  void flush();
  void each(Range range, size_t phase, const std::function<void(Kind, std::string_view)>& take) const;
  void close_phase(int64_t time_ns);
  Stream& stream(std::string_view name);

  bool everything_;
  Spill entries_;
  std::vector<Stream> streams_;
  std::string current_;   ///< stream whose bytes are being gathered
  std::string gathered_;  ///< bytes of `current_` that belong to one entry
  bool in_phase_ = false;
  uint64_t body_ = 0;     ///< where the current phase's entries begin
  uint64_t command_ = 0;  ///< where the last command's do
  int64_t phase_started_ns_ = 0;
  std::vector<int64_t> phase_times_;
};

}  // namespace testctr::report
