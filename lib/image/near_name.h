// The image that a misspelt name may have meant.
#pragma once

#include <optional>
#include <string>

#include "image/store.h"

namespace testctr::image {

/// The name in the store that is nearest to `what`, as it would be typed: without docker.io/library/ where
/// `what` has none, without :latest. Nothing: none is near, or the store cannot be read.
std::optional<std::string> near_name(Store::Impl& store, const std::string& what);

}  // namespace testctr::image
