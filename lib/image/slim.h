// A layer with only those files of an image that a run touched, for the run to be repeated with: links with
// what they lead to, the loaders and interpreters of programs, directories whose entries were read with what
// they held, and what programs look for without a word.
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "image/image.h"
#include "image/tar_out.h"

namespace testctr::image {

struct SlimLayer {
  Digest diff_id;
  uint64_t size = 0;  ///< of the tar stream
  /// Regular files, by name; bytes of their content, those of hard links once.
  struct Count {
    uint64_t files = 0, bytes = 0;
  };
  Count kept, left_out;
  /// Of those left out: what stood in directories whose entries were read, and is now missing there.
  Count missing_in_lists;
  std::vector<std::string> notes;  ///< what could not be kept as it is, for people
};

/// Larger files are not kept only because a directory was read that they are in.
inline constexpr uint64_t largest_unread = uint64_t{16} << 10;

/// Writes the layer as an uncompressed tar stream, the same bytes from the same image and names. Owners,
/// modes and times are as the store has them (an ordinary user's store knows no owners: all are root's).
/// @param touched absolute names as `sandbox::read_followed` gives them, in any order; a "/" at its end says
/// that a directory's entries were read. What is not in the image is passed over.
/// Usage errors: the image is this machine's own root.
Result<SlimLayer> write_slim_layer(int out, const RootFilesystem& root,
                                   const std::vector<std::string>& touched);
/// The same in blocks, without a digest.
Result<SlimLayer> write_slim_layer(BlockSink sink, const RootFilesystem& root,
                                   const std::vector<std::string>& touched);

}  // namespace testctr::image
