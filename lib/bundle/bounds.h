// A bundle's limits are a stranger's: none of them is believed beyond what a machine can bear.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace testctr::bundle {

/// The most that a bundle's tests get of a machine.
struct Bounds {
  uint64_t memory = 0;  ///< bytes, of a container
  double cpus = 0;
  uint64_t pids = 0;     ///< of a container
  uint64_t scratch = 0;  ///< bytes, of a container
  uint64_t max_output = 0;
  int64_t timeout_ns = 0;  ///< of a test, a case, the wait for a service

  /// This machine's memory and processors; scratch space, which is memory, as much (4 GiB are given on small
  /// ones, too: that is everybody's); a fourth of the processes that it can have, 32768 at most; 1 GiB of
  /// output of a command; a day.
  static Bounds here();
};

/// Lowers what is above. @param notes is told of each limit that was, once, with what the first test asked
/// for
void bound(plan::Plan& plan, const Bounds& bounds, std::vector<std::string>& notes);

}  // namespace testctr::bundle
