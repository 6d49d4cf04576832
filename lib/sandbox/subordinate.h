// The maps of an ordinary user's container with many ids, which only newuidmap and newgidmap may write.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "sandbox/ids.h"

namespace testctr::sandbox {

/// The map in which `caller` is 0 and 1 up to at most 65535 are the subordinate ids of `ranges`, in their
/// order. The caller's own id in a range is passed over: no id may be mapped twice.
IdMap subordinate_map(uint32_t caller, const IdMap& ranges);

/// Runs newuidmap and newgidmap (shadow's; Debian's package uidmap) for the process `pid`, which has to be
/// in a user namespace without maps. Both are looked for in PATH, /usr/bin and /bin.
/// @return an error that says what is missing and the line that mends it.
Status write_subordinate_maps(pid_t pid, const IdMap& uids, const IdMap& gids);

}  // namespace testctr::sandbox
