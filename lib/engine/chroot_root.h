// The root of a place without namespaces: a copy of the image with all that a container is given besides, and
// the step into it.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/container.h"

namespace testctr::engine {

/// Where, in such a root, the socket lies that programs reach the test by.
inline constexpr const char* chroot_socket = "/testctr/run/socket";

/// Makes the copy in the folder `root`, which is made, and changes the root and working directory of the
/// calling process to it. @param notes gets what did not go as one would expect
Status enter_copy(const sandbox::Spec& spec, const std::string& root, std::vector<std::string>& notes);

}  // namespace testctr::engine
