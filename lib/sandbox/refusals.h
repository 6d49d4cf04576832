// The record of refused system calls: one thread answers the filter's notifications, another takes what was
// recorded.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "sandbox/container.h"

namespace testctr::sandbox {

class RefusalLog {
 public:
  void set_label(uint32_t label) { label_ = label; }
  /// Counts a refusal under the present label. A flood of different ones is counted under "(others)".
  void add(const std::string& program, const std::string& syscall);
  std::vector<Refusal> take();

 private:
  static constexpr size_t most = 1000;
  std::atomic<uint32_t> label_ = 0;
  std::mutex mutex_;
  std::map<std::tuple<uint32_t, std::string, std::string>, uint64_t> counts_;
};

class Follower;

/// Answers one notification of `listener`: what only tells of names is noted and goes on, the rest is
/// recorded and gets EPERM. To be called when the listener is readable. @param follower null: nothing is
/// followed, and all that is asked is refused
void answer_notification(int listener, RefusalLog& log, Follower* follower = nullptr);

/// The name of a process for people.
std::string program_of(uint32_t pid);

}  // namespace testctr::sandbox
