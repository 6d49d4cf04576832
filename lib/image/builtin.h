// The image called "builtin", embedded into the program: one layer, made from images/builtin.yaml when the
// project is built.
#pragma once

#include <string_view>

#include "base/digest.h"
#include "image/image.h"
#include "image/source.h"

namespace testctr::image {

/// The layer, a zstd-compressed tar; it lives as long as the program.
std::string_view builtin_layer();
/// The digest of the layer's uncompressed bytes: its name in the store.
Digest builtin_diff_id();
/// The digest of the layer as it is embedded.
Digest builtin_layer_digest();
/// What the recipe says of environment, working directory, user and command.
Config builtin_config();
/// The image as a source. Its digest is that of the layer: it has no manifest until `describe` makes one.
std::unique_ptr<Source> builtin_source();

}  // namespace testctr::image
