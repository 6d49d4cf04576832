// A root file system as a container will see it, looked into from outside: its layers merged as overlayfs
// merges them, with what is mounted into it. Links are resolved inside, never outside.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::image {

class MergedRoot {
 public:
  /// What is at a path.
  struct Found {
    Fd fd;  ///< O_PATH
    struct stat st {};
    std::string path;  ///< the absolute path inside, without links
    /// Opens it for reading; it must be a regular file.
    [[nodiscard]] Result<Fd> open() const;
  };

  /// @param layers absolute directories, lowest first. Errors: one cannot be opened.
  static Result<MergedRoot> open(const std::vector<std::string>& layers);
  /// Shows `source` of this machine at `target`, an absolute path, instead of what the layers have there.
  /// Errors: it cannot be opened.
  Status mount(const std::string& target, const std::string& source);

  /// What is at an absolute path. @param follow whether a link at its end is followed. @return nothing when
  /// there is nothing; errors: it cannot be seen by us (no permission), or too many links.
  [[nodiscard]] Result<std::optional<Found>> find(const std::string& path, bool follow = true) const;
  /// The names in a directory, sorted; none when it is none.
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const;
  /// Calls `see` for all that there is below the root, folders before what is in them, names in byte order;
  /// links are not followed. A folder that may not be read is passed over, and `forbidden` is told of it.
  Status visit(const std::function<Status(const Found&)>& see,
               const std::function<void(const std::string& path)>& forbidden) const;

 private:
  /// A directory: what each layer has of it, highest first.
  struct Directory {
    std::vector<Fd> parts;
    std::string path;  ///< "" for the root
  };
  [[nodiscard]] Result<Directory> root() const;
  /// One step down. @return nothing when the name does not exist; the entry, and where it is a directory
  /// that.
  struct Step {
    Found found;
    std::optional<Directory> directory;
  };
  [[nodiscard]] Result<std::optional<Step>> step(const Directory& in, const std::string& name) const;
  [[nodiscard]] static Result<std::vector<std::string>> list(const Directory& directory);
  Status visit(const Directory& directory, size_t depth, const std::function<Status(const Found&)>& see,
               const std::function<void(const std::string& path)>& forbidden) const;
  [[nodiscard]] Result<std::optional<Step>> walk(const std::string& path, bool follow) const;

  std::vector<Fd> layers_;            ///< highest first
  std::map<std::string, Fd> mounts_;  ///< by target
};

}  // namespace testctr::image
