// Layers of images as tars whose bytes depend on their entries alone.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "recipe/entries.h"

namespace testctr::recipe {

/// Writes entries as a tar to `out`, their times `epoch`. @param recipe whose sources are read now
Status write_entries(const Recipe& recipe, const Rules& rules, const Entries& entries, int64_t epoch,
                     int out);

/// Writes to `out` what the tar `in` holds, its times no later than `epoch`, without device nodes (an
/// ordinary user could not unpack them, and a container has its own /dev) and without names of owners.
/// @param without patterns of paths that are left out, with all below them. A pattern that fits nothing is an
/// error, and so is a hard link whose target is left out.
Status rewrite_tar(int in, int64_t epoch, const std::vector<plan::Text>& without, int out);

/// Writes to `out` what lies in a folder, in the same way: names sorted, links as they are, also hard ones,
/// and without sockets. What belongs to this user belongs to root.
Status write_root(const std::string& folder, int64_t epoch, const std::vector<plan::Text>& without, int out);

/// Compresses the rest of `in` into `out` as hard as zstd reasonably can: for what is embedded.
Status compress_best(int in, int out);

}  // namespace testctr::recipe
