// The few devices that a container has.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

/// The null device of this machine, after a look whether it is that. Nothing: this machine has no /dev.
/// @param flags for open(2)
Result<std::optional<Fd>> null_device(int flags);

/// What is told where this machine has no devices to give.
inline constexpr const char* no_devices_note =
    "this machine has no /dev: in the container /dev/null is an empty file, and the other devices are "
    "missing";

/// Mounts a small tmpfs at `dir` (a true directory, relative to the working directory) with null, zero, full,
/// random, urandom and tty bound from the host - after a look whether they are what their names say -, a
/// devpts of its own, shm and the usual links. On a machine without /dev, an empty file stands for null.
Status make_devices(const std::string& dir);

}  // namespace testctr::sandbox
