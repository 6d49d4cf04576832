// Containers of Docker's and Podman's engines, made by their API on a Unix socket of this machine.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "run/engine.h"

namespace testctr::engine {

/// Finds Docker's engine, or Podman's, as its own client does, asks what it is, and takes away what killed
/// runs have left in it. Errors: there is none, we may not speak with it, it is none; each with what mends
/// it. Usage errors: what was named is no Unix socket.
Result<std::unique_ptr<run::Engine>> open_docker();
Result<std::unique_ptr<run::Engine>> open_podman();

/// Whether one answers: what it is and which limits it keeps, for people. Nothing is changed in it. Errors:
/// as of opening it.
Result<std::string> describe_docker();
Result<std::string> describe_podman();

}  // namespace testctr::engine
