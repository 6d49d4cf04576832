// Equality of JSON values as people mean it.
#pragma once

#include "base/json.h"

namespace testctr::script {

/// Numbers by value (1 and 1.0 are equal), objects without regard to the order of their keys.
bool json_equal(const Json& a, const Json& b);

}  // namespace testctr::script
