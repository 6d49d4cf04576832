// For a bundle's image that somebody else's engine runs: the container that we are in is the test's, with the
// paths that it has in a native one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "run/engine.h"

namespace testctr::engine {

/// Where a bundle's image has the folders that such a run needs: open to all, whoever the image's user is.
inline constexpr const char* inside_folder = "/testctr/run";

/// @param environment the image's Env, "NAME=VALUE"
std::unique_ptr<run::Engine> open_inside(std::vector<std::string> environment);

}  // namespace testctr::engine
