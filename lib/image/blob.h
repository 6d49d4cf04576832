// One layer's bytes on their way from a blob to a tar stream: read, hashed, decompressed and hashed again,
// never held whole.
//
// Three threads share the work: one reads and decompresses, one hashes both what was read and what came out
// of it, and the caller's hands that to the tar reader. Decompressing gzip, and writing, are each most of a
// processor's work; hashing is what fits beside either. Both digests and the size are known only at the end:
// nothing made from the stream may be shown to anybody before `finish` said so.
#pragma once

#include <memory>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "image/archive.h"

namespace testctr::image {

/// What a blob is said to be. Empty digests are not checked, only computed.
struct BlobClaim {
  std::string name;  ///< for messages: "layer 2 of 3 (sha256:0123...)"
  Digest digest;     ///< of the blob as it is stored
  /// Whether `size` is known: then it must be true, and what unpacks to more than 250 times that, and to more
  /// than a gibibyte, is refused as a bomb.
  bool check_size = false;
  uint64_t size = 0;
  Digest diff_id;                            ///< of the decompressed stream
  uint64_t most_bytes = uint64_t{64} << 30;  ///< of the decompressed stream: more is refused as a bomb
};

struct BlobFacts {
  Digest digest;
  uint64_t size = 0;
  Digest diff_id;
  uint64_t tar_size = 0;
};

class BlobStream {
 public:
  /// Starts the two other threads. Compression (none, gzip, zstd, xz, bzip2) is recognised from the bytes.
  /// @param copy a descriptor that is given the blob's bytes as they come, not owned; -1: none.
  static Result<std::unique_ptr<BlobStream>> start(std::unique_ptr<ByteSource> source, BlobClaim claim,
                                                   int copy = -1);
  ~BlobStream();

  /// The next decompressed bytes, valid until the next call; empty at the end.
  Result<std::string_view> next();
  /// Reads what is left and compares digests and size with the claim. Errors name the blob, what was claimed
  /// and what was found.
  Result<BlobFacts> finish();

  struct Impl;

 private:
  explicit BlobStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::image
