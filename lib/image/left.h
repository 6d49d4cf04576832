// What a test has left in its image: read from the upper directory of its container's root when the container
// is gone. Everything there is hostile: it is looked at within bounds, and no link is followed.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace testctr::image {

struct Left {
  /// How many paths there are: files, links, sockets, folders where nothing is in them or where they are
  /// another one's successors.
  uint64_t count = 0;
  bool more = false;  ///< there is, or may be, more than was looked at
  /// "HOW PATH" of the first ones, what the image had before what it had not. HOW is created, changed,
  /// removed or replaced, PATH is absolute inside; a folder's ends with "/".
  std::vector<std::string> paths;
};

/// How many of the paths are named.
inline constexpr size_t named_paths = 10;

/// Looks through the upper directory of an overlay, but for /tmp, /work, /testctr and what is mounted over. A
/// file that was only opened for writing has not changed: size, mode, owner and time tell.
/// @param upper O_PATH or open @param mark of a file in the same tmpfs that was made last of all before
/// anything of the image could run: what has a smaller inode number was not made by that
/// @param layers the directories of the image's layers, lowest first; looked into only for what is there
[[nodiscard]] Left left_in(int upper, const struct stat& mark, const std::vector<std::string>& layers);

}  // namespace testctr::image
