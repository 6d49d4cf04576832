// How overlayfs marks in a layer what is gone from those below (mounted with userxattr).
#pragma once

#include <sys/stat.h>

namespace testctr::image {

/// A name that is removed.
[[nodiscard]] bool is_whiteout(const struct stat& st);

/// A directory that hides what the layers below have of it. @param directory O_PATH or open
[[nodiscard]] bool is_opaque(int directory);

}  // namespace testctr::image
