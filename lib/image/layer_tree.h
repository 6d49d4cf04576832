// The directory that one layer is unpacked into, seen through the layers below it: names are resolved as in
// the merged root, changes go to this layer alone, and nothing is ever followed out of it.
//
// The rules where container tools disagree (tests/image/hostile.test has them as cases):
//   - links in lower layers are followed, scoped to the merged root; a link of this layer in the middle of a
//   path is replaced by a directory
//   - `..` and absolute names are refused; a file in the middle of a path is refused
//   - a name given twice: the last one counts (a directory given twice is merged)
//   - a directory that takes the place of something removed in the same layer hides what is below it
#pragma once

#include <sys/stat.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::image {

/// Mode, owner and times of something to be made.
struct Attributes {
  mode_t mode = 0755;  ///< permission bits
  int64_t uid = 0, gid = 0;
  int64_t seconds = 0;
  long nanoseconds = 0;
};

struct ExtendedAttribute {
  std::string name, value;
};

class LayerTree {
 public:
  struct Options {
    int directory = -1;       ///< the empty directory to fill; not owned
    std::vector<int> lowers;  ///< the layers below, the nearest first; not owned
    bool keep_owners =
        false;  ///< chown as the layer says (root), or leave everything to the caller (an ordinary user)
    uint64_t most_made = uint64_t{4} << 20;     ///< folders that are made, said or implied; more are refused
    uint64_t most_names = uint64_t{64} << 20;   ///< bytes of their paths, which are remembered
    uint64_t most_copied = uint64_t{64} << 30;  ///< bytes copied from lower layers for hard links
  };
  /// No name leads deeper than this.
  static constexpr size_t deepest = 256;
  /// No file is longer than this, holes included.
  static constexpr uint64_t longest_file = uint64_t{64} << 30;
  explicit LayerTree(const Options& options);

  /// Where a name leads: a directory of this layer that is there, open, and the last component.
  struct Place {
    int parent = -1;          ///< O_PATH; valid until the next call on the tree
    std::string parent_path;  ///< in the merged root, "" is the root itself
    std::string name;
    [[nodiscard]] std::string path() const { return parent_path.empty() ? name : parent_path + "/" + name; }
  };
  /// Splits and checks a name from the archive. @return its components, none for the root. Errors say what is
  /// wrong with the name.
  static Result<std::vector<std::string>> components(std::string_view name);

  /// Resolves a name (not the root) and makes its parent directories, with the attributes that they have in
  /// lower layers.
  Result<Place> place(const std::vector<std::string>& parts);
  /// Removes what this layer has at the place, a whiteout or an earlier entry. @return what was there.
  enum class Replaced : uint8_t { nothing, whiteout, entry };
  Result<Replaced> clear(const Place& place);

  /// A directory entry of the layer; for the root, `parts` is empty. @return the place's path.
  Result<std::string> directory(const std::vector<std::string>& parts, const Attributes& attributes);
  /// A hard link; the target is looked up in this layer, then below, where it is copied from.
  Status hard_link(const std::vector<std::string>& parts, const std::vector<std::string>& target);
  /// Hides the last component in all layers below.
  Status whiteout(const std::vector<std::string>& parts);
  /// Hides all that layers below have in this directory.
  Status opaque(const std::vector<std::string>& parts);

  /// Sets an extended attribute on `name` below `parent` (name "": the directory itself). Those that steer
  /// overlayfs are dropped.
  /// @return false when it could not or must not be set.
  static bool set_attribute(int parent, const std::string& name, const ExtendedAttribute& attribute);
  /// The owner of something that is not a directory, where owners are kept; before attributes and mode, both
  /// of which it would change.
  /// @param fd the open file, or -1 (links, fifos).
  Status set_owner(const Place& place, int fd, const Attributes& attributes) const;
  /// Mode and times of something that is not a directory: last.
  static Status set_attributes(const Place& place, int fd, const Attributes& attributes, bool is_link);

  /// Gives the directories their modes and times: last, because writing into them needs the one and changes
  /// the other.
  Status finish();

  /// Whether what is in this directory depends on the layers below it.
  [[nodiscard]] bool dependent() const { return dependent_; }
  [[nodiscard]] bool root_opaque() const { return opaque_.count("") != 0; }
  [[nodiscard]] std::optional<Attributes> root_attributes() const;
  /// Bytes copied from lower layers.
  [[nodiscard]] uint64_t copied() const { return copied_; }
  /// How many names were given twice.
  [[nodiscard]] uint64_t repeated() const { return repeated_; }

 private:
  struct Below {
    int layer = -1;
    struct stat st {};
    std::string link;
  };
  enum class Make : bool { no, yes };
  struct Walk {
    Fd fd;             ///< the directory in this layer; none when it is only below
    std::string path;  ///< in the merged root
    bool found = true;
  };
  Result<Walk> walk(std::vector<std::string> parts, Make make);
  Result<Fd> make_parent(int parent, const std::string& path, const std::string& name,
                         const std::optional<Below>& below);
  Result<std::optional<Below>> look_below(const std::string& path);
  [[nodiscard]] bool hidden_below(const std::string& path) const;
  Status mark_opaque(int parent, const std::string& name, const std::string& path);
  void forget(const std::string& path);
  Status remember(const std::string& path, const Attributes& attributes);
  Status copy_content(int from, int to, uint64_t size, const std::string& path);
  Status copy_up(const Below& below, const std::string& path, const Place& place);
  Result<int> cached_parent(const std::vector<std::string>& parts, std::string& path);

  Options options_;
  bool dependent_ = false;
  uint64_t repeated_ = 0, made_ = 0, names_ = 0, copied_ = 0;
  std::map<std::string, Attributes> directories_;
  std::set<std::string> opaque_, whiteouts_;
  std::set<std::string> followed_;  ///< links of lower layers that were followed
  struct CachedDirectory {
    Fd fd;
    std::string path;
    uint64_t used = 0;
  };
  std::map<std::string, CachedDirectory> cache_;
  uint64_t clock_ = 0;
};

}  // namespace testctr::image
