// Where programs share the process numbers of this machine: the system calls that reach a process by its
// number are refused for those that a test must not reach.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"

namespace testctr::engine {

/// A filter on the calling thread, and all that it starts later: no signals to, no tracing of, no looking
/// into these processes and their groups, the first process, and everybody at once (kill -1). Sets
/// no_new_privs.
/// @param closed and nobody may attach to a process that runs already, nor take a descriptor out of one: who
/// has the same user may be outside of the root that this one is in
/// @return errors where the kernel takes no filter
Status protect_from_here(const std::vector<pid_t>& processes, bool closed);

}  // namespace testctr::engine
