// The test tree: the folder that a test brings along. Looked through once: what cannot be read is told before
// anything runs, what .testctrignore leaves out is listed, and a fingerprint shows whether it changed while
// the test ran.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::image {

struct Tree {
  std::string root;                 ///< absolute, without links
  std::vector<std::string> hidden;  ///< paths below root that are left out and exist, sorted:
                                    ///< .testctrignore's, sockets, device nodes
  std::vector<std::string> notes;   ///< what is hidden though nobody asked for it (sockets, device nodes)
  std::set<uid_t> owners;
  std::set<gid_t> groups;
  uint64_t entries = 0, bytes = 0;
  std::vector<std::string> apart;  ///< as given to scan_tree
  uint64_t fingerprint =
      0;  ///< of names, types, modes, sizes, inodes and times (of changes too) of all that is not hidden
};

/// Looks through a tree. Usage errors: it is `/` or $HOME, a line of .testctrignore is no anchored path;
/// infrastructure errors: something in it cannot be read (named).
/// @param apart real paths of folders that are somebody else's to write into meanwhile: those that lie in the
/// tree are left out
Result<Tree> scan_tree(const std::string& directory, const std::vector<std::string>& apart = {});

/// A tree that is only packed, not looked through: what is in it shows then. Of `hidden` it has what
/// .testctrignore says. Errors as of `scan_tree`, but for what lies in it.
Result<Tree> tree_to_pack(const std::string& directory);

/// Whether a thing of a tree is packed: sockets and device nodes are not.
bool can_be_packed(mode_t mode);

/// Is told of every folder that is not hidden, the root (with an empty name) first, each before it is listed.
/// @param parent the folder that it lies in; of the root itself
using OnFolder = std::function<void(int parent, const std::string& name)>;

/// Whether nothing changed since the scan: false as soon as anything did, or cannot be read any more.
bool same_tree(const Tree& tree, const OnFolder& on_folder = {});

/// The paths in .testctrignore: one a line, relative to the folder (a leading `/` changes nothing); blank
/// lines and lines that begin with `#` say nothing. Patterns are refused. @param shown the file's name for
/// messages.
Result<std::vector<std::string>> parse_ignore(std::string_view text, const std::string& shown);

/// One thing in a tree.
struct TreeEntry {
  std::string path;  ///< below the root
  int parent;        ///< descriptor of its folder
  std::string name;  ///< in its folder
  struct stat st {};
};
/// Visits everything below `root` that is not in `hidden`, parents before children, names in byte order,
/// never following links.
Status walk_tree(int root, const std::set<std::string>& hidden,
                 const std::function<Status(const TreeEntry&)>& visit);

}  // namespace testctr::image
