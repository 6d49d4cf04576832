// `--engine chroot`: for jobs that are root in a container which may make no namespaces. A private copy of
// the image's root, entered by chroot, with what can be given up given up; network, processes and users are
// those of this machine.
#pragma once

#include <memory>

#include "base/result.h"
#include "run/engine.h"

namespace testctr::engine {

/// Errors (infrastructure): we may not chroot here.
Result<std::unique_ptr<run::Engine>> open_chroot();

}  // namespace testctr::engine
