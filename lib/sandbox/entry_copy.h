// Copies of what lies in a folder: what every copy of a tree has in common, whatever is made of its folders.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>

#include "base/result.h"

namespace testctr::sandbox {

/// Gives a file or directory the `user.` attributes of another. A tmpfs keeps none before Linux 6.6, and nor
/// does the overlay above it then: they are left out. @param marks with those of overlayfs (opaque folders)
Status copy_attributes(int from, int to, bool marks);

/// Copies a file's content as it is now, by sharing its blocks where the file system can.
/// @param name what it is, for errors
Status copy_content(int from, int to, const std::string& name);

/// Copies entries of folders with modes, times, `user.` attributes, and hard links among themselves.
class EntryCopy {
 public:
  /// @param top the folder that all copies lie below; borrowed @param marks see `copy_attributes`
  EntryCopy(int top, bool marks) : top_(top), marks_(marks) {}
  EntryCopy(const EntryCopy&) = delete;
  EntryCopy& operator=(const EntryCopy&) = delete;
  virtual ~EntryCopy() = default;

 protected:
  /// Copies a file, a symbolic link or a FIFO to where nothing is. @param path below `top` @param st what it
  /// is @return whether it is one of these; else nothing was done
  Result<bool> copy(int from, int to, const std::string& name, const std::string& path,
                    const struct stat& st);
  /// Gives an open file or directory the owner, attributes, mode and times of another.
  Status finish(int from, int to, const std::string& path);
  /// Gives a copy its owner. @param name in the folder `to`; empty: `to` itself
  virtual Status own(int to, const std::string& name, const struct stat& st) = 0;
  /// What comes next has no hard links to what was before.
  void forget_links() { linked_.clear(); }
  [[nodiscard]] int top() const { return top_; }

 private:
  Status file(int from, int to, const std::string& name, const std::string& path);
  int top_;
  bool marks_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
};

}  // namespace testctr::sandbox
