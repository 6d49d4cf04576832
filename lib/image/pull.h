// From a registry into the store: what `obtain` and the commands share.
#pragma once

#include <string>
#include <vector>

#include "image/access.h"
#include "image/images.h"
#include "image/reference.h"
#include "image/store.h"

namespace testctr::image {

/// What people copy from a registry is often the digest of a multi-platform index: under this key the store
/// remembers which of its images was loaded (Store::Impl::find_source).
std::string index_key(const Digest& index);

/// Fetches the image for `access.platform`, unless the store has all of it, and gives it its name.
/// @param reference of the kind name
Result<LoadedImage> pull_reference(Store::Impl& store, const Reference& reference, const Access& access);

/// The full names that a name can have in the store beside the usual one: those that registries.conf makes of
/// a short name. Opens no socket.
Result<std::vector<Reference>> stored_names(const Reference& reference, const Access& access);

}  // namespace testctr::image
