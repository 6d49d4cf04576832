// Profiles of others: the JSON in which Docker and the OCI runtimes write what a container's programs may
// call.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::sandbox {

struct CompiledProfile {
  std::vector<sock_filter> program;
  /// Names that libseccomp does not know and that were left out: they get the default action.
  std::vector<std::string> unknown_calls;
};

/// Compiles a profile with libseccomp for x86-64 and i386 (x32 as the profile has it: refused with ENOSYS
/// unless named). Understood: defaultAction, defaultErrnoRet, architectures or archMap, and of each entry of
/// `syscalls`: names or name, action, errnoRet, args (index, value, valueTwo, op), includes and excludes
/// (arches, caps, minKernel). Conditions on capabilities are decided by those that a container of ours keeps,
/// on architectures by x86-64. Actions: ALLOW, ERRNO, KILL*, TRAP, LOG; an entry with any other is an error,
/// as is any member that we do not know.
/// @param name shown in errors. @param release of uname(2), for minKernel.
Result<CompiledProfile> compile_profile(std::string_view json, const std::string& name,
                                        const std::string& release);

}  // namespace testctr::sandbox
