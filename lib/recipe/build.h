// From a recipe to an image.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "image/access.h"
#include "image/image.h"
#include "image/layout_writer.h"
#include "image/source.h"
#include "recipe/recipe.h"

namespace testctr::recipe {

/// Makes the image that a recipe describes, ready to be put somewhere (image/transfer.h). The same recipe and
/// sources give the same bytes; times are clamped to $SOURCE_DATE_EPOCH, and are 0 without it.
///
/// The layers of `from:` stay as they are, with their digests; of its configuration everything that the
/// recipe does not change. New layers lie in unnamed files of the store's folder until the image is gone.
/// @param access must outlive the image
/// Errors: of the recipe's sources; `suite:`, which only the project's own tool makes; of the base image.
Result<std::unique_ptr<image::Source>> build(image::Store& store, const Recipe& recipe,
                                             image::Compression compression, const image::Access& access);

}  // namespace testctr::recipe
