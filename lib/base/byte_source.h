// Where bytes come from, whatever that is, a piece at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace testctr {

/// A stream of bytes: a file, a member of an archive, memory, a download.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Up to `size` bytes into `buffer`. @return how many; 0 at the end.
  virtual Result<size_t> read(char* buffer, size_t size) = 0;
};
/// Reads from the descriptor's current position to its end.
std::unique_ptr<ByteSource> file_source(Fd fd);
/// @param bytes must outlive the source.
std::unique_ptr<ByteSource> memory_source(std::string_view bytes);

/// All of a source that should be small. @return an error when it is longer than `limit`.
Result<std::string> read_source(ByteSource& source, size_t limit);

}  // namespace testctr
