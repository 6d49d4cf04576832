// Brings an image from its source into the store: layers unpacked once, shared by images and processes,
// visible only when whole and on disk.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "image/images.h"
#include "image/source.h"
#include "image/store.h"

namespace testctr::image {

struct Loaded {
  Record record;
  Fd lock;  ///< on the image, shared; a container may inherit it
  Fd hold;  ///< keeps gc away altogether: until what names the image is written
};

/// Makes the image ready. Other processes that load the same layers at the same time are waited for, and
/// their work is used.
/// @param keep_blobs also keeps manifest, configuration and compressed layers, so that the image can be
/// named, saved and unpacked again.
Result<Loaded> load_image(Store::Impl& store, Source& source, bool keep_blobs);

/// All that a layout or an archive holds for this machine; with a tag in the reference that one.
Result<Sources> open_sources(Store& store, const Reference& reference, const Platform& platform);

/// Loads an image with its blobs and gives it the names that the source has.
Result<LoadedImage> load_named(Store::Impl& store, Source& source);

}  // namespace testctr::image
