// What a test leaves on the host - its work directory, the processes of its host sections - is gone when the
// test has ended, also when this program is killed. A process of its own sees to that: it waits for the end
// of a pipe, and what the test starts on the host is below it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::run {

/// What runs on the host: is given its end of the channel and the guardian's folder, in which it may make
/// what it wants beside `work` and `tmp`; its value becomes its exit status.
using HostBody = std::function<int(int channel, const std::string& folder)>;

class Guardian {
 public:
  /// Makes a folder for the test and forks. The calling process must be single-threaded.
  /// @param body carried out in a process below the guardian; empty: none
  /// @param tree where the folder must not lie, for it would be a change of it: absolute, or empty
  static Result<std::unique_ptr<Guardian>> start(HostBody body, const std::string& tree);
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;
  ~Guardian();

  /// $WORK on the host: absolute, empty at first.
  [[nodiscard]] const std::string& work() const { return work_; }
  /// Our end of the channel to the body; -1 without one. Owned here.
  [[nodiscard]] int channel() const { return channel_.valid() ? channel_.get() : -1; }
  /// The process that what runs on the host is below of.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Processor time of all that has ended below it, once it has finished.
  [[nodiscard]] uint64_t cpu_ns() const { return cpu_ns_; }
  /// Kills the body and all below it; the work directory stays.
  void kill();
  /// Kills what is left, removes the folder, and waits until that is done.
  /// @return what could not be removed, and why
  Status finish();

 private:
  Guardian() = default;
  std::string folder_, work_;
  Fd channel_, control_;
  pid_t pid_ = -1;
  uint64_t cpu_ns_ = 0;
};

}  // namespace testctr::run
