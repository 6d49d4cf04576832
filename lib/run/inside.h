// What PID 1 of a container does once the sandbox has made it: take an assignment from the channel, carry it
// out, send what happened.
#pragma once

#include "sandbox/container.h"

namespace testctr::run {

/// The container's body. @return the exit status of PID 1: 0 when the channel was told how the script ended,
/// 1 otherwise.
int carry_out_inside(sandbox::Inside& inside);

}  // namespace testctr::run
