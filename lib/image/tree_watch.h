// Whether a test tree is still what it was, asked after every test: of a large tree, that many tests share,
// the kernel says so.
#pragma once

#include "base/fd.h"
#include "image/tree.h"

namespace testctr::image {

class TreeWatch {
 public:
  /// @param tree as `scan_tree` gave it
  explicit TreeWatch(Tree tree) : tree_(std::move(tree)) {}
  [[nodiscard]] const Tree& tree() const { return tree_; }
  /// As `same_tree`. Once looking through the tree has taken some time, inotify(7) says whether it has to be
  /// done again. What that does not see - a file that is changed by another name, outside of the tree - is
  /// found by looking, which then takes a twentieth of the time between two of these calls at most: the last
  /// calls of a run may not see it.
  bool same();
  /// How often it was looked through anew, since it had changed.
  [[nodiscard]] uint64_t generation() const { return generation_; }
  /// Whether it is still as it was when `generation()` was this one. Where it is not, it is looked through
  /// anew: what begins from now on sees it as it is now. @return as well false for good where that cannot be
  /// done
  bool same_since(uint64_t generation);

 private:
  bool look(const OnFolder& on_folder);
  void begin();
  void follow(int parent, const std::string& name);
  bool heard();

  Tree tree_;
  uint64_t generation_ = 0;
  uint64_t spent_ns_ = 0, last_ns_ = 0, looked_at_ns_ = 0;  ///< in all; the last time; when that was over
  bool tried_ = false;
  bool stale_ = false;  ///< something has happened since it was last looked through
  Fd events_;           ///< inotify; none: it has to be looked through every time
  size_t followed_ = 0;
  dev_t device_ = 0;
};

}  // namespace testctr::image
