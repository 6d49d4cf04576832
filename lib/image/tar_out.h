// A tar stream that is written member by member, with its digest: what layers are made of.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "image/archive.h"

namespace testctr::image {

/// Takes the next bytes of a stream. It may keep the string and leave any other in its place.
using BlockSink = std::function<Status(std::string& block)>;

/// What a stream's blocks hold, the last one excepted.
inline constexpr size_t tar_block = size_t{256} * 1024;

/// A member of a tar stream that is root's and has a time in whole seconds.
struct TarMember {
  std::string path;           ///< a folder's without a `/` at its end
  mode_t mode = 0;            ///< type and permissions
  int64_t seconds = 0;        ///< when it was changed
  uint64_t size = 0;          ///< of a file's content
  std::string symlink = {};   ///< where a link leads
  std::string hardlink = {};  ///< another name of what is in the stream already; empty: none
  std::vector<std::pair<std::string, std::string>> attributes =
      {};  ///< names and values, as they are to stand
};

class TarOut {
 public:
  /// @param out -1 only counts and hashes
  static Result<std::unique_ptr<TarOut>> open(int out);
  /// Hands the stream on in blocks of `tar_block` bytes, wherever members begin. It has no digest then.
  static Result<std::unique_ptr<TarOut>> open(BlockSink sink);
  TarOut(const TarOut&) = delete;
  TarOut& operator=(const TarOut&) = delete;

  /// Begins a member. Where a plain tar header can say all of it, that is written here, the same bytes as by
  /// libarchive and in a fraction of the time.
  Status member(const TarMember& member);
  /// The same for one with owners, or a time that is not whole seconds. @param path for messages
  Status header(struct archive_entry* entry, const std::string& path);
  /// The content of the member.
  Status bytes(std::string_view bytes, const std::string& path);
  /// The same from a file, which must have `size` bytes. @param longer it may have more, which are left
  Status file(int fd, uint64_t size, const std::string& path, bool longer = false);
  Status close();
  /// Empty where the stream goes to a sink.
  [[nodiscard]] Digest digest() { return sink_ ? Digest() : hash_.finish(); }
  [[nodiscard]] uint64_t size() const { return flushed_ + used_; }

 private:
  TarOut() = default;
  static la_ssize_t take(struct archive* a, void* self, const void* bytes, size_t size);
  Status start();
  Status flush();
  Status append(std::string_view bytes);
  Status end_member();
  Error error(const std::string& path);
  static Error changed(const std::string& path);

  int fd_ = -1;
  BlockSink sink_;
  Sha256 hash_;
  std::string block_;
  size_t used_ = 0;  ///< of the block
  uint64_t flushed_ = 0;
  Status failed_;  ///< the first failed write
  ArchiveWriter writer_;
  bool by_archive_ = false;  ///< the member is libarchive's
  uint64_t rest_ = 0;        ///< what is to come of our own member's content
  size_t padding_ = 0;       ///< and behind that
};

/// Extended attributes of a file or directory, in order of their names. @param file open for reading @param
/// wanted which
std::vector<std::pair<std::string, std::string>> attributes_of(int file,
                                                               bool (*wanted)(std::string_view name));
/// The same, added to an entry.
void add_attributes(struct archive_entry* entry, int file, bool (*wanted)(std::string_view name));

}  // namespace testctr::image
