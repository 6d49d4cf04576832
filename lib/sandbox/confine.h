// What a process gives up before anything of the image runs: capabilities, limits, descriptors, privileges,
// system calls.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/plan.h"

namespace testctr::sandbox {

/// The capabilities that root keeps in a container: Docker's default set without NET_RAW (raw sockets), MKNOD
/// and AUDIT_WRITE (of no use in a user namespace).
uint64_t kept_capabilities();
/// Those that the plan's user keeps: who is not root, none.
uint64_t kept_capabilities(const Plan& plan);

/// Leaves at most `keep` in the bounding set, of the calling thread and of those that it starts later. Needs
/// CAP_SETPCAP.
Status limit_bounding_set(uint64_t keep);
/// Leaves at most `keep` in the permitted and effective sets, nothing in the inheritable and ambient ones.
Status drop_capabilities(uint64_t keep);

/// Makes the calling thread, and no other, `uid` and `gid`. @param groups nothing: the groups stay.
Status become(uid_t uid, gid_t gid, const std::vector<gid_t>* groups);
/// become(0, 0) without further groups: as whom the root is built where several ids are mapped.
Status become_root();
/// Makes the calling thread, and no other, the plan's user with no more than `kept_capabilities`, for ever.
/// The bounding set is limited already. @param also keeps these capabilities, too.
Status drop_privileges(const Plan& plan, uint64_t also = 0);

/// Closes every descriptor from 3 on but these (sorted or not).
Status close_all_but(std::vector<int> keep);

/// Default actions for all signals, and none blocked: for a process that is forked and does not exec.
void reset_signals();

/// Core files off, the number of processes and files clamped.
Status set_limits(uint64_t processes);

/// seccomp(SECCOMP_SET_MODE_FILTER) for the calling thread. @param listen asks for a listener. @param flags
/// further ones. @return its descriptor, or none without `listen`.
Result<Fd> install_filter(std::span<const sock_filter> program, bool listen, unsigned long flags = 0);

}  // namespace testctr::sandbox
