// What a root needs beside its image: /tmp, /etc/hosts, name servers, binds, and covers over the parts of
// /proc and /sys that are nobody's business. Everything here works on the root while it is still mounted
// below the working directory as `root`, and resolves names of the image as if that were the root directory.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/plan.h"

namespace testctr::sandbox {

/// /tmp when the image has none; /etc/hosts when absent or empty; with the host's network its
/// /etc/resolv.conf (`resolv_conf`: its content).
Status add_files(int root, const Plan& plan, const std::string& resolv_conf);

/// Places the binds of the plan. @param handed mounts made by the parent, one per bind, or none.
Status add_binds(int root, const Plan& plan, std::vector<Fd> handed);

/// Masked and read-only paths, as the OCI runtimes have them.
Status cover_paths();

}  // namespace testctr::sandbox
