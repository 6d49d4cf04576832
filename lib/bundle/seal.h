// The last 512 bytes of a bundle's file: where the archive lies in it, and the digest of all before them. An
// archive ends before its file does; readers of tar stop there, so the seal is seen by those alone who look
// for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace testctr::bundle {

struct Seal {
  uint64_t begin = 0;  ///< of the archive in the file
  uint64_t size = 0;   ///< of the archive
  Digest digest;       ///< of everything before the seal
};

inline constexpr uint64_t seal_size = 512;

/// A bundle's file while it is written.
class SealedOutput {
 public:
  /// @param file not owned
  explicit SealedOutput(int file) : file_(file) {}
  Status write(std::string_view bytes);
  /// What is written from now on is the archive.
  void begin_archive() { begin_ = size_; }
  /// Writes the seal.
  Status finish();

 private:
  int file_;
  Sha256 hash_;
  uint64_t size_ = 0, begin_ = 0;
  uint64_t on_its_way_ = 0;  ///< of what was written, what the system was told to bring to the disk
};

/// The seal of a file, not compared with what is before it; nothing when there is none. Errors
/// (infrastructure): it is one, but not one that `put_seal` wrote for a file of this length.
Result<std::optional<Seal>> find_seal(int file);

/// Compares the digest with the file's bytes. An infrastructure error says that it is damaged.
Status check_seal(int file, const Seal& seal);

}  // namespace testctr::bundle
