// Output of commands: in memory up to a bound, beyond it in a file that has no name. Memory stays small
// however much a program writes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::interpret {

class OutputBuffer {
 public:
  static constexpr size_t memory_bound = size_t{1} << 20;

  /// @param directory where the file is made when one is needed (a memory file serves when that cannot be)
  explicit OutputBuffer(std::string directory) : directory_(std::move(directory)) {}
  OutputBuffer(OutputBuffer&& other) noexcept;
  OutputBuffer& operator=(OutputBuffer&& other) noexcept;
  ~OutputBuffer();

  Status append(std::string_view bytes);
  void clear();
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// All of it; valid until the next change.
  [[nodiscard]] Result<std::string_view> view();

 private:
  Status spill();
  Status flush();
  void unmap();

  std::string directory_;
  std::string memory_;  ///< all, or with a file what is not written yet
  Fd file_;
  size_t size_ = 0;
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
};

/// The bytes of `fd` from where it stands, of a regular file or a device. @param limit more is an error
/// (usage)
Result<OutputBuffer> read_file(int fd, const std::string& directory, size_t limit);

/// `buffer`'s text with every byte that is not UTF-8 as U+FFFD; `storage` holds it when something had to be
/// changed.
Result<std::string_view> valid_text(OutputBuffer& buffer, OutputBuffer& storage);

}  // namespace testctr::interpret
