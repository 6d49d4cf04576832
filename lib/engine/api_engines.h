// Engines of this machine that are spoken to by their API.
#pragma once

#include <memory>

#include "base/result.h"
#include "run/engine.h"

namespace testctr::engine {

/// Finds Docker, or Podman, as its own client does, and asks whether it is there. Errors (infrastructure): no
/// socket, or nobody who answers.
Result<std::unique_ptr<run::Engine>> open_docker();
Result<std::unique_ptr<run::Engine>> open_podman();

}  // namespace testctr::engine
