// Ctrl-C and termination, as a descriptor that a poll loop can wait for.
#pragma once

#include <atomic>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::cmd {

/// While this lives, the first SIGINT or SIGTERM makes `descriptor` readable; the second, of either kind, has
/// its default effect: the process dies at once, and its containers with it. One at a time.
class StopSignals {
 public:
  /// @param hangup SIGHUP is as SIGTERM
  static Result<StopSignals> install(bool hangup = false);
  StopSignals(StopSignals&& other) noexcept = default;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

  [[nodiscard]] int descriptor() const { return read_end_.get(); }
  /// Set when one has come.
  [[nodiscard]] const std::atomic<bool>& arrived() const;
  /// The signal that came, 0: none.
  [[nodiscard]] int received() const;
  /// What has come is forgotten: as after `install`.
  Status renew();

 private:
  Status arm() const;
  StopSignals(Fd read_end, Fd write_end) : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}
  Fd read_end_, write_end_;
  bool hangup_ = false;
};

}  // namespace testctr::cmd
