// Limits without control groups: the memory of a container added up from its own /proc, which the child hands
// out when it has mounted it. Processes are limited by RLIMIT_NPROC, which counts by user namespace since
// Linux 5.14.
//
// Control groups (cgroup.h) do it better where they are to be had for nothing, or were asked for.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

struct Usage {
  uint64_t memory = 0;  ///< bytes: anonymous memory of processes added up, and what is shared
  uint64_t processes = 0;
  uint64_t tasks = 0;  ///< threads of all processes: what limits of processes count
};

/// Looks at every process of a procfs. Processes that end meanwhile are passed over.
/// Shared memory is counted once, as far as can be seen: as what is mapped (shared anonymous mappings, memfd,
/// System V, files of tmpfs) or as what the file systems hold, whichever is more, for it is mostly the same
/// memory. What a memfd holds that nobody maps is not seen.
/// @param proc a directory descriptor of the procfs. @param stores of file systems that are memory; -1 is
/// passed over. @param limit bytes; 0: none. Only above it are mappings asked for that several processes
/// share (smaps_rollup walks page tables, /proc/PID/status adds each process's up).
Result<Usage> usage_of(int proc, std::initializer_list<int> stores, uint64_t limit);
/// The same for these processes alone. @param names their numbers
Usage usage_of(int proc, const std::vector<std::string>& names, std::initializer_list<int> stores,
               uint64_t limit);

/// Whether RLIMIT_NPROC counts the processes of one user namespace (Linux 5.14) rather than all of a user's.
/// @param release of uname(2).
bool process_limit_is_per_namespace(const char* release);

}  // namespace testctr::sandbox
