// The few devices that a container has.
#pragma once

#include <string>

#include "base/result.h"

namespace testctr::sandbox {

/// Mounts a small tmpfs at `dir` (a true directory, relative to the working directory) with null, zero, full,
/// random, urandom and tty bound from the host - after a look whether they are what their names say -, a
/// devpts of its own, shm and the usual links.
Status make_devices(const std::string& dir);

}  // namespace testctr::sandbox
