// The place outside of all containers: lines of host sections are carried out on this machine as its user, in
// a process of their own.
#pragma once

#include <memory>

#include "run/assignment.h"
#include "run/guardian.h"
#include "run/place.h"

namespace testctr::run {

/// The body that a guardian is to start for it.
HostBody host_body();

/// @param guardian has started `host_body()`; outlives the place
Result<std::unique_ptr<Place>> start_host_place(Guardian& guardian, const Assignment& assignment);

}  // namespace testctr::run
