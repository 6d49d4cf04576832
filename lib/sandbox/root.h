// The container's root as the child builds it: scratch space, overlay, /dev, /proc, our own program, the
// tree, binds; and the step into it.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/plan.h"

namespace testctr::sandbox {

/// Mounts that the parent made because the child may not (ranks root), in the order of `handed_sources`.
struct Handed {
  std::vector<Fd> layers, binds;
  Fd program, tree;
};

/// What the watch over the container's memory looks at from outside.
struct Built {
  Fd proc;                    ///< the container's /proc
  Fd scratch, shared_memory;  ///< file systems whose content is memory (O_PATH)
};

/// What another thread does while the root is built.
class Beside {
 public:
  virtual ~Beside() = default;
  /// /proc is mounted and the working directory is that of `mount_kernel_views`, where it stays until
  /// `finish`.
  virtual void proc_is_mounted() = 0;
  /// Waits for the container's network, which becomes that of the calling thread, and for the mounts.
  virtual Status finish() = 0;
};

/// /sys, and covers over what is nobody's business there and in /proc. For a thread in the container's
/// network, after `Beside::proc_is_mounted`.
Status mount_kernel_views(const Plan& plan);

/// Builds the root in the calling process's own mount namespace and makes it the root directory. The process
/// must be root inside, in new user, mount and PID namespaces. @param beside makes the network and calls
/// `mount_kernel_views`. @param notes gets what did not go as one would expect.
Result<Built> build_root(const Plan& plan, Handed handed, Beside& beside, std::vector<std::string>& notes);

}  // namespace testctr::sandbox
