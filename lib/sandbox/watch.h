// Limits without control groups: the memory of a container added up from its own /proc, which the child hands
// out when it has mounted it. Processes are limited by RLIMIT_NPROC, which counts by user namespace since
// Linux 5.14.
//
// Control groups (cgroup.h) do it better where they are to be had for nothing, or were asked for.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

struct Usage {
  uint64_t memory = 0;  ///< bytes that belong to a process alone (anonymous memory), added up
  uint64_t processes = 0;
  uint64_t tasks = 0;  ///< threads of all processes: what limits of processes count
};

/// Looks at every process of a procfs. Processes that end meanwhile are passed over. @param proc a directory
/// descriptor of it.
Result<Usage> usage_of(int proc);

/// Whether RLIMIT_NPROC counts the processes of one user namespace (Linux 5.14) rather than all of a user's.
/// @param release of uname(2).
bool process_limit_is_per_namespace(const char* release);

}  // namespace testctr::sandbox
