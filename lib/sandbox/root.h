// The container's root as the child builds it: scratch space, overlay, /dev, /proc, our own program, the
// tree, binds; and the step into it.
#pragma once

#include <functional>
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

/// Builds the root in the calling process's own mount namespace and makes it the root directory. The process
/// must be root inside, in new user, mount and PID namespaces. @param enter_network is called once,
/// before the first mount that belongs to a network namespace. @param notes gets what did not go as one would
/// expect.
Result<Built> build_root(const Plan& plan, Handed handed, const std::function<Status()>& enter_network,
                         std::vector<std::string>& notes);

}  // namespace testctr::sandbox
