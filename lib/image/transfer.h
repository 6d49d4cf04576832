// Images on their way from one place to another, verbatim: layers stay compressed as they are, digests stay.
//
// Where they come from is a Source (source.h), where they go to a Destination; each kind of place is one of
// either.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/access.h"
#include "image/image.h"
#include "image/images.h"
#include "image/source.h"

namespace testctr::image {

/// Where images go to.
class Destination {
 public:
  virtual ~Destination() = default;
  /// Takes an image. @param names full names or mere tags, as the place has them; the source's own names do
  /// not count
  virtual Status put(std::unique_ptr<Source> source, const std::vector<std::string>& names) = 0;
  /// All images have been put: from now on they are to be seen there, all or none.
  /// @return the digest of each manifest as it is there, in the order of `put`
  virtual Result<std::vector<Digest>> finish() = 0;
};

/// An image by its reference: `builtin`, one in the store by name or digest, `oci:`, `oci-archive:`,
/// `docker-archive:`, `docker://` at a registry. Its names are those that it is known by there; without a
/// reference's tag, a layout or archive must hold one image. @param access must outlive the source
Result<std::unique_ptr<Source>> open_source(Store& store, const std::string& reference, const Access& access);

/// `oci:DIR` (one that is there gets the image added), `oci-archive:FILE`, `docker-archive:FILE` (both
/// replaced when all is written; `-` is standard output), `docker://NAME`, or the store, for a name.
/// @param name set to what the text says the image is to be called there; empty: it does not say
/// @param access must outlive the destination
/// Usage errors: a place that nothing can be copied to.
Result<std::unique_ptr<Destination>> open_destination(Store& store, const std::string& text,
                                                      std::string& name, const Access& access);

/// Copies one image. Its name there is the one that `to` gives, else those that the source knows.
/// @return the digest of its manifest there (of a docker-archive, which has none, of its configuration)
Result<Digest> copy(Store& store, const std::string& from, const std::string& to, const Access& access);

/// What `image save` writes.
struct SaveOptions {
  enum class Format : uint8_t { oci_archive, docker_archive, oci };
  Format format = Format::oci_archive;
  std::string output;  ///< a file, or `-`; of `oci` a folder
  /// Asked for each image that is not in the store, before anything is written; empty: that is an error.
  std::function<Status(const std::string& name)> fetch;
};
/// Saves images of the store, each under the name by which it is asked for; by a digest without one.
/// Errors: images that are not in the store, all told at once.
Status save(Store& store, const std::vector<std::string>& images, const SaveOptions& options);

}  // namespace testctr::image
