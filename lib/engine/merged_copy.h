// A private copy of an image's root: its layers merged as overlayfs merges them, in a folder of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::engine {

/// Copies what `layers` (absolute directories, the lowest first) show together into the empty directory
/// `to`: whiteouts and opaque directories honoured, modes, owners, times, `user.` attributes and hard links
/// kept, sparse where the file system shares blocks. Nothing of the copy is a link to a file of a layer.
/// @param mode of the root itself; nothing: the top layer's
/// @param notes gets what could not be kept
Status copy_merged(const std::vector<std::string>& layers, std::optional<mode_t> mode, int to,
                   std::vector<std::string>& notes);

}  // namespace testctr::engine
