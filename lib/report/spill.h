// A growing sequence of bytes that moves from memory to an unlinked file when it becomes large.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::report {

class Spill {
 public:
  /// @param in_memory bytes that are kept in memory before the file is made (in $TMPDIR, else /tmp; where no
  /// file can be made there, in an anonymous memory file).
  explicit Spill(size_t in_memory = size_t{1} << 20) : in_memory_(in_memory) {}

  /// Adds bytes at the end. After the first error (a full disk) nothing is added any more, and `status` says
  /// why.
  void append(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return size_; }
  /// Forgets what was added beyond `size`.
  void truncate(uint64_t size);
  /// Reads back up to `size` bytes at `offset`; fewer at the end.
  [[nodiscard]] std::string read(uint64_t offset, size_t size) const;
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] bool on_disk() const { return file_.valid(); }

 private:
  Status move_to_file();
  size_t in_memory_;
  std::string memory_;
  Fd file_;
  uint64_t size_ = 0;
  Status status_;
};

}  // namespace testctr::report
