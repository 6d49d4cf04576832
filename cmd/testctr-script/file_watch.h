// Which files have changed, by inotify.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::cmd {

/// What is to be followed. Paths are absolute, links in them resolved.
struct Followed {
  std::set<std::string> files;    ///< each by its folder, so that one that is replaced is seen
  std::set<std::string> folders;  ///< with all that is below them
  std::set<std::string> ours;     ///< files, and folders with all below them, that do not count
};

class FileWatch {
 public:
  static Result<FileWatch> create();
  /// Follows these from now on, and nothing else. @return what cannot be followed, a sentence for each
  std::vector<std::string> follow(const Followed& what);
  /// Readable when something may have changed.
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// The paths that have changed since it was last asked. New folders are followed, and what is in them
  /// already has changed.
  /// @param lost set when the kernel has dropped events: anything may have changed
  std::set<std::string> changed(bool& lost);
  /// Folders that are followed.
  [[nodiscard]] size_t folders() const { return paths_.size(); }

 private:
  explicit FileWatch(Fd fd) : fd_(std::move(fd)) {}
  void add(const std::string& folder, std::vector<std::string>& problems);
  void add_below(const std::string& folder, std::vector<std::string>& problems, std::set<std::string>* found);
  [[nodiscard]] bool counts(const std::string& path) const;
  [[nodiscard]] bool is_below_followed(const std::string& folder) const;

  Fd fd_;
  Followed followed_;
  std::map<int, std::string> paths_;  ///< of each watch
  std::set<std::string> known_;       ///< folders that are followed
  bool told_limit_ = false;
};

/// Whether `path` is `folder` or lies below it.
bool lies_in(const std::string& path, const std::string& folder);

}  // namespace testctr::cmd
