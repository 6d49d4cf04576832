// The injected layer: what we add to an image, as a tar stream that is the same bytes from the same input,
// and such a stream read back.
//
//   testctr/                       0755
//   testctr/bin/testctr-script     0755, this program
//   testctr/script/NAME            0644, the script
//   testctr/NAME...                further files, folders and copies
//   testctr/tree/...               the test tree: modes, links and user attributes as they are, owner root,
//   times clamped
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "base/result.h"
#include "image/image.h"
#include "image/tar_out.h"
#include "image/tree.h"

namespace testctr::image {

/// A folder or a file of this machine, as it is to be in a layer.
struct LayerCopy {
  std::string name;          ///< below testctr/, in folders that `LayerContent::folders` has
  std::optional<Tree> tree;  ///< a folder
  std::string file;          ///< a file's path, where it is none
};

struct LayerContent {
  std::string program;        ///< path of the program to put in; empty: none
  uint64_t program_size = 0;  ///< only that much of it; 0: all
  std::string script_name;    ///< a file name without folders; empty: no script
  std::string script;         ///< its bytes
  std::optional<Tree> tree;
  std::map<std::string, std::string> files;  ///< names without folders, below testctr/, and bytes
  std::vector<std::string> folders;          ///< below testctr/, parents first
  /// Folders that are open to all, for who runs the program in a container of another engine, whoever he is:
  /// /work, /testctr/run and /testctr/bin.
  bool open_folders = false;
  std::vector<LayerCopy> copies;
};

struct WrittenLayer {
  Digest diff_id;
  uint64_t size = 0;
};

/// Writes the layer as an uncompressed tar stream. Times are clamped to $SOURCE_DATE_EPOCH, and are 0 without
/// it.
Result<WrittenLayer> write_layer(int out, const LayerContent& content);
/// The same in blocks, without a digest.
Status write_layer(BlockSink sink, const LayerContent& content);

/// A layer that was written before, unpacked into the store.
struct OpenedLayer {
  std::string directory;  ///< absolute; holds testctr/tree and testctr/script
  std::string tree;       ///< directory/testctr/tree; empty when there is none
  std::string script;     ///< directory/testctr/script/NAME; empty when there is none
  Digest diff_id;
  Fd lock;  ///< keeps it there
};
/// Reads `path` (plain or compressed). What is not laid out as above is an infrastructure error.
Result<OpenedLayer> open_layer(Store& store, const std::string& path);

}  // namespace testctr::image
