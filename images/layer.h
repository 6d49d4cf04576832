// Writes a layer: a tar whose bytes depend on its entries alone, compressed, both digests taken on the way.
#pragma once

#include <cstdint>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "recipe.h"

namespace testctr::mkimage {

/// How a layer is compressed. `zstd` at level 3 or, for what is embedded, at 19.
enum class Compression : uint8_t { none, gzip, zstd, zstd_best };

/// A layer that lies in a file.
struct Layer {
  Digest digest;   ///< of the file
  Digest diff_id;  ///< of the tar
  uint64_t size = 0;
  Compression compression = Compression::none;
};

/// Writes the recipe's own entries to the file `output`. Owners are 0, times `epoch`.
Result<Layer> write_entries(const Recipe& recipe, Compression compression, int64_t epoch,
                            const std::string& output);

/// Writes what the tar `input` (a file; "-" is standard input) holds, its times no later than `epoch`,
/// without device nodes (an ordinary user could not unpack them, and a container has its own /dev) and
/// without names of owners.
Result<Layer> rewrite_tar(const std::string& input, Compression compression, int64_t epoch,
                          const std::string& output);

}  // namespace testctr::mkimage
