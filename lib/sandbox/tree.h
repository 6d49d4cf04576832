// The test tree inside: overlaid where it lies, or copied.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::sandbox {

/// Puts whiteouts for `hidden` (paths relative to the tree, a leading slash is allowed) into `upper`, with
/// the directories above them as the tree has them. What the tree does not have is passed over.
Status hide_paths(int tree, int upper, const std::vector<std::string>& hidden);

/// Gives the directory `to` the mode, the time and the `user.` attributes of the directory `from`.
Status copy_metadata(int from, int to);

/// Copies everything below `from` but the hidden paths into the empty directory `to`: files, directories,
/// links, pipes; modes, times and `user.` attributes; hard links among themselves. Owners become the caller.
/// Sockets and devices are passed over and named in `skipped`.
Status copy_below(int from, int to, const std::vector<std::string>& hidden,
                  std::vector<std::string>& skipped);

/// Copies a layer as root for a container whose ids begin at `base`: owners become base + owner (`one_owner`:
/// base), whiteouts and `user.` attributes are kept. For machines without id-mapped mounts.
Status copy_shifted(int from, int to, uint32_t base, bool one_owner);

}  // namespace testctr::sandbox
