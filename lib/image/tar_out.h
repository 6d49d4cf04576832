// A tar stream that is written member by member, with its digest: what layers are made of.
#pragma once

#include <string>
#include <string_view>

#include "image/archive.h"

namespace testctr::image {

class TarOut {
 public:
  /// @param out -1 only counts and hashes @param hashed false: nobody wants the digest
  static Result<std::unique_ptr<TarOut>> open(int out, bool hashed = true);
  TarOut(const TarOut&) = delete;
  TarOut& operator=(const TarOut&) = delete;

  /// Begins a member. @param path for messages
  Status header(struct archive_entry* entry, const std::string& path);
  /// The content of the member.
  Status bytes(std::string_view bytes, const std::string& path);
  /// The same from a file, which must have `size` bytes. @param longer it may have more, which are left
  Status file(int fd, int64_t size, const std::string& path, bool longer = false);
  Status close();
  /// Empty where nobody wanted it.
  [[nodiscard]] Digest digest() { return out_.hashing ? out_.hash.finish() : Digest(); }
  [[nodiscard]] uint64_t size() const { return out_.size; }

 private:
  explicit TarOut(int out) : out_(out) {}
  Error error(const std::string& path);

  HashedOutput out_;
  ArchiveWriter writer_;
  std::string buffer_;
};

/// Adds extended attributes of a file or directory to an entry, in order of their names. @param file open for
/// reading @param wanted which
void add_attributes(struct archive_entry* entry, int file, bool (*wanted)(std::string_view name));

}  // namespace testctr::image
