// Containers of Docker's and Podman's engines, made by their API on a Unix socket of this machine.
#pragma once

#include <memory>

#include "base/result.h"
#include "engine/endpoint.h"
#include "run/engine.h"

namespace testctr::engine {

/// Connects to the engine, asks what it is, and takes away what killed runs have left in it.
/// Infrastructure errors: there is none, we may not speak with it, it is none; each with what mends it.
Result<std::unique_ptr<run::Engine>> open_engine(Maker maker);

}  // namespace testctr::engine
