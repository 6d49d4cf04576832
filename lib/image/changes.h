// What a container has changed in its image, as one more layer of it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/image.h"
#include "image/tar_out.h"

namespace testctr::image {

/// A folder in the store that is taken away with this. While it is there, no gc of the store begins.
class ChangesLayer {
 public:
  ChangesLayer(std::string directory, Fd hold, int64_t since)
      : directory_(std::move(directory)), hold_(std::move(hold)), since_(since) {}
  ChangesLayer(ChangesLayer&& other) noexcept
      : directory_(std::exchange(other.directory_, "")),
        hold_(std::move(other.hold_)),
        since_(other.since_) {}
  ChangesLayer& operator=(ChangesLayer&&) = delete;
  ~ChangesLayer();
  /// Absolute: to be put on top of the image's layers.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Seconds since the epoch: what has this time or a later one got it from the clock while it was made.
  [[nodiscard]] int64_t since() const { return since_; }

 private:
  std::string directory_;
  Fd hold_;
  int64_t since_;
};

using ChangesLayers = std::vector<std::shared_ptr<const ChangesLayer>>;

/// Reads the upper directory of a container's overlay - hostile, and nothing of it is followed - and unpacks
/// it as a layer: files, folders, links, FIFOs, what was removed and replaced, with modes, owners, times and
/// user attributes. Sockets and device nodes are left out.
/// @param upper open for reading, or O_PATH @param without names in it that are ours and not the image's
/// ("testctr"). Owners are counted from that of `upper`, which is the container's root. @param below the
/// directories of the image's layers, lowest first. @param since see `ChangesLayer::since`
/// Errors (infrastructure): something in it cannot be read by who runs us; the store is full.
Result<ChangesLayer> layer_of_changes(Store& store, int upper, const std::set<std::string>& without,
                                      const std::vector<std::string>& below, int64_t since);

/// Writes such a layer as a tar stream, for other machines: the same bytes from the same content, whenever it
/// was made. @param clock seconds since the epoch, in place of the times that the clock gave
/// Errors (infrastructure): something in it cannot be read.
Status write_changes(BlockSink sink, const ChangesLayer& layer, int64_t clock);

}  // namespace testctr::image
