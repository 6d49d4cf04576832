// Opening the script's files where programs under test may have left traps.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::interpret {

/// open(2) of an absolute path, close-on-exec, following links as everybody does but never a magic link
/// (/proc/PID/fd/N, exe, root): a program may leave a link to /proc/self/fd/N, and "self" is then this
/// process, whose descriptors reach outside the container.
/// @return an error with errno ELOOP for such a link.
Result<Fd> open_plain(const std::string& path, int flags, mode_t mode = 0);

}  // namespace testctr::interpret
