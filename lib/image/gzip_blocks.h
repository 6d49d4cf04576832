// A tar stream compressed block by block, by several threads: a layer that is one gzip file of many members,
// the same bytes from the same blocks however many threads there are. Readers of gzip take members one after
// the other for one stream.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "image/layout_writer.h"

namespace testctr::image {

class GzipBlocks {
 public:
  /// Starts the threads. @param out where the blob goes, not owned
  static Result<std::unique_ptr<GzipBlocks>> start(int out);
  /// Gives up what was not finished.
  ~GzipBlocks();

  /// The next block, which becomes a member of its own; waits while too many are on their way. The string is
  /// exchanged for another one. Errors: a block before it could not be written.
  Status add(std::string& block);
  /// Waits for all blocks. Nothing may be added afterwards.
  Result<CompressedLayer> finish();

 private:
  struct Impl;
  explicit GzipBlocks(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::image
