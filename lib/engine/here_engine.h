// `--engine here`: lines are carried out in this machine's own root as it is, below a fresh $WORK, with what
// can be given up given up: for who is already in a container that is the test's.
#pragma once

#include <memory>

#include "run/engine.h"

namespace testctr::engine {

std::unique_ptr<run::Engine> open_here();

}  // namespace testctr::engine
