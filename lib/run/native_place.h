// A Place that is a container of our own sandbox.
#pragma once

#include <memory>

#include "run/assignment.h"
#include "run/place.h"
#include "sandbox/container.h"

namespace testctr::run {

/// Starts a container and hands it its assignment, and its first order where there is one. Only what `spec`,
/// `assignment` and `order` say goes in; everything that comes out is checked.
Result<std::unique_ptr<Place>> start_native_place(const sandbox::Spec& spec, const Assignment& assignment,
                                                  const Order* order);

}  // namespace testctr::run
