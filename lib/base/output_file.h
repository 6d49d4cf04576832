// A file that the user names for a result (a report, a layer): what becomes of what is there already.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sys {

/// Where a result goes. Nothing there, or a regular file: it is written under a temporary name in the same
/// folder and renamed, so that it appears whole or not at all; a file that is replaced keeps its mode. A
/// symbolic link stays what it is: the file that it leads to is replaced. Anything else (a device, a FIFO) is
/// never replaced: it is opened and written into.
class OutputFile {
 public:
  /// Judges the name before work is put into it; writes nothing yet. Usage errors: empty, a folder, in no
  /// folder, a link that leads nowhere, a FIFO that nobody reads, a socket. Infrastructure errors: it may not
  /// be written.
  static Result<OutputFile> create(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  /// Takes an unfinished temporary file away.
  ~OutputFile();

  /// Opens what is to be written into. @return the descriptor, which stays this object's.
  Result<int> begin();
  /// After begin(): gives it its name before it is whole, for a file that others read while it grows.
  Status appear();
  /// Everything was written: flushed and given its name, where it has none yet.
  Status finish();

  /// Whether it is this very file (the same device and inode) that would be overwritten.
  [[nodiscard]] bool is(const std::string& path) const;
  /// The absolute path, links resolved, of what is replaced; of a device or FIFO as given.
  [[nodiscard]] const std::string& target() const { return target_; }
  /// The temporary file's absolute path; empty before begin(), and when there is none.
  [[nodiscard]] const std::string& temporary() const { return temporary_; }

 private:
  OutputFile() = default;

  std::string target_, temporary_;
  std::optional<struct stat> found_;
  bool special_ = false;
  Fd file_;
};

}  // namespace testctr::sys
