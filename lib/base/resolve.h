// Names below a directory that others write to as well.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sys {

/// Opens `path` below `dir`, through links as long as they stay below it: also absolute ones that lead there
/// by `name`, the directory's absolute path. What would leave it is an error with errno EXDEV, a magic link
/// one with ELOOP. openat2(2) with RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS, and the walk where that does not
/// do.
Result<Fd> open_beneath(int dir, const std::string& name, const std::string& path, int flags,
                        mode_t mode = 0);

}  // namespace testctr::sys
