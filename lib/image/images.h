// What people do with the images in a store: load and name them, list them, look at one, remove, collect
// garbage.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "image/access.h"
#include "image/image.h"

namespace testctr::image {

struct LoadedImage {
  Digest manifest;
  std::vector<std::string> names;  ///< the tags that it got; may be none
  std::vector<std::string> notes;
};
/// Loads what `reference` names with its blobs: of a layout or an archive with several images all of them.
/// @param tag a name for it, then it must be one image; empty: the names that the layout or archive gives.
Result<std::vector<LoadedImage>> load(Store& store, const std::string& reference, const std::string& tag,
                                      const Platform& platform = Platform::own());

/// Fetches an image from where its name leads (registries.conf), for `access.platform`, with its blobs. What
/// the store has is not fetched again. Two processes that pull the same image at once fetch it once.
/// @param name `[docker://]name[:tag][@digest]`
/// @return the manifest and the full name it got; an error names the place that failed last, others are notes
Result<LoadedImage> pull(Store& store, const std::string& name, const Access& access);

struct ListedImage {
  std::string name;  ///< empty: without a name, from a run of a layout or an archive, or `builtin`
  Digest manifest;
  uint64_t size = 0;  ///< of the unpacked files, 0 when it is not unpacked
  size_t layers = 0;
  std::string store;  ///< the home of the read-only store that has it; empty: this one
};
/// Tagged images by name, then those without.
Result<std::vector<ListedImage>> list(Store& store);

/// A stored image by name, "sha256:..." or 12 and more digits of its digest.
Result<Digest> find(Store& store, const std::string& what);

/// What is known of a stored image as JSON text (indented): names, manifest, configuration, layers and where
/// they lie.
Result<std::string> inspect(Store& store, const std::string& what);

/// Gives a stored image another name.
Status tag(Store& store, const std::string& what, const std::string& name);

struct Collected {
  uint64_t bytes = 0;
  size_t images = 0, layers = 0, blobs = 0;
  size_t in_use = 0;  ///< images kept only because something runs in them
};
/// Takes a name away; an image without another name goes with its layers and blobs, unless something runs in
/// it.
Result<Collected> remove(Store& store, const std::string& what);
/// Removes everything that no named image and no running container needs. Waits for loads that are under way.
Result<Collected> collect(Store& store);

}  // namespace testctr::image
