// A bundle's image: another image with our layer on top, whose entry point is this program; and that image
// again, without the layer. Layers keep their digests.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/layout_writer.h"
#include "image/source.h"

namespace testctr::bundle {

/// The label of a bundle's image.
inline constexpr const char* bundle_label = "org.testctr.bundle";

/// Annotations of its entry in an archive's index: that the file has a seal; the digest of the recording's
/// blob.
inline constexpr const char* sealed_annotation = "org.testctr.sealed";
inline constexpr const char* recording_annotation = "org.testctr.recording";

/// Puts a layer on an image. @param base settled or not @param layer a file with the compressed layer
/// @param set_up the layer is what a setup has changed, and the image no bundle's yet
/// Errors: the image's documents are none that can be added to.
Result<std::unique_ptr<image::Source>> packed_image(std::unique_ptr<image::Source> base, Fd layer,
                                                    const image::CompressedLayer& described,
                                                    bool set_up = false);

/// Whether an image says of itself that it is a bundle's.
Result<bool> is_bundle(image::Source& packed);

/// The last layer of a bundle's image as an image of its own.
Result<std::unique_ptr<image::Source>> last_layer(std::shared_ptr<image::Source> packed);

/// A bundle's image without its last layer. @param config the JSON of its configuration, as the bundle's plan
/// has it
Result<std::unique_ptr<image::Source>> without_last_layer(std::shared_ptr<image::Source> packed,
                                                          const std::string& config);

/// A recording as an image of its own, with one small file in one layer: registries know nothing else.
/// @param recording CBOR
Result<std::unique_ptr<image::Source>> recording_image(const std::string& recording);

/// The name of that image beside a bundle's. @param repository a full name without a tag
std::string recording_name(const std::string& repository, const Digest& content);

}  // namespace testctr::bundle
