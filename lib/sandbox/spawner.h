// The second thread of PID 1. While the first builds the root, it makes the container's network - the kernel
// needs as long for that as for all the rest -, gives up its privileges and puts the filter on itself.
#pragma once

#include <semaphore>

#include "sandbox/filtered.h"
#include "sandbox/init.h"
#include "sandbox/plan.h"
#include "sandbox/root.h"

namespace testctr::sandbox {

class Spawner : public Beside {
 public:
  /// All three are to live until the process ends.
  Spawner(const Plan& plan, const Body& body, const ChildEnds& ends);
  /// As `FilteredThread::start`. What fails in the thread ends the process with a report.
  Status start();
  void proc_is_mounted() override { proc_mounted_.release(); }
  Status finish() override;
  [[nodiscard]] FilteredThread& thread() { return thread_; }

 private:
  Status prepare();
  Status make_network();

  const Plan& plan_;
  Fd network_;
  std::binary_semaphore proc_mounted_{0}, mounted_{0};
  FilteredThread thread_;
};

}  // namespace testctr::sandbox
