// Unpacks one layer into a directory that overlayfs can use: the tar stream in, verified, the tree out.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/blob.h"
#include "image/layer_tree.h"

namespace testctr::image {

struct UnpackOptions {
  int directory = -1;        ///< empty, ours alone; not owned
  std::vector<int> lowers;   ///< directories of the layers below, the nearest first; not owned
  bool keep_owners = false;  ///< see LayerTree::Options
  uint64_t most_entries = uint64_t{4} << 20;  ///< more are refused as a bomb
  uint64_t most_bytes = uint64_t{64} << 30;   ///< of file content written
};

/// What an unpacked layer is, to be remembered beside it.
struct UnpackedLayer {
  BlobFacts facts;
  uint64_t entries = 0;
  uint64_t bytes = 0;        ///< of file content
  bool dependent = false;    ///< its directory is right above these lower layers only
  bool root_opaque = false;  ///< hides all layers below
  std::optional<mode_t> root_mode;
  /// What could not be done and is not an error: owners, attributes, device nodes.
  std::vector<std::string> notes;
};

/// Unpacks the stream, checks both digests, and gives the directories their final modes. On error the
/// directory's content is to be thrown away. Device nodes become empty files (a container's /dev is ours, and
/// nodes do not work in a user namespace); attributes that steer overlayfs are dropped; what only root can
/// set is left out with a note when the caller is not root.
Result<UnpackedLayer> unpack_layer(std::unique_ptr<ByteSource> source, const BlobClaim& claim,
                                   const UnpackOptions& options, int copy = -1);

}  // namespace testctr::image
