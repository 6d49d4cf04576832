// Layers of images as tars whose bytes depend on their entries alone.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "recipe.h"

namespace testctr::mkimage {

/// Writes the recipe's own entries as a tar to `out`. Owners are 0, times `epoch`.
Status write_entries(const Recipe& recipe, int64_t epoch, int out);

/// Writes to `out` what the tar `in` holds, its times no later than `epoch`, without device nodes (an
/// ordinary user could not unpack them, and a container has its own /dev) and without names of owners.
/// @param without patterns of paths that are left out, with all below them. A pattern that fits nothing is an
/// error, and so is a hard link whose target is left out.
Status rewrite_tar(int in, int64_t epoch, const std::vector<std::string>& without, int out);

/// Compresses the rest of `in` into `out` as hard as zstd reasonably can: for what is embedded.
Status compress_best(int in, int out);

}  // namespace testctr::mkimage
