// The clone that becomes a container's first process, in new namespaces or in those of another container.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

struct CloneOrder {
  uint64_t flags = 0;                     ///< CLONE_NEW...
  int into_group = -1;                    ///< a cgroup v2 directory; -1: ours
  int join_user = -1, join_network = -1;  ///< namespaces to be in; -1: none
};

struct Cloned {
  pid_t pid = 0;          ///< 0: we are the child
  bool in_group = false;  ///< it is in `into_group`
};

/// Returns twice, like fork: memory is copied. The caller must be single-threaded. With namespaces to join, a
/// process in between enters them and makes the child, of which the caller is the parent all the same; that
/// process has ended when this returns.
Result<Cloned> clone_child(const CloneOrder& order);

}  // namespace testctr::sandbox
