// Layers that are made here and lie in files without names until they are written where they belong.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/byte_source.h"
#include "base/fd.h"
#include "base/result.h"
#include "image/layout_writer.h"
#include "image/source.h"
#include "image/tar_out.h"

namespace testctr::bundle {

/// A file's bytes from its beginning, read by position: several readers do not disturb each other. @param
/// file borrowed
std::unique_ptr<ByteSource> bytes_of_file(int file);

/// Compresses a tar stream while it is written, in threads of their own. @param folder where an unnamed file
/// can be made @param write writes the stream into what it is given @param file set to the file
Result<image::CompressedLayer> compressed_layer(const std::string& folder,
                                                const std::function<Status(image::BlockSink)>& write,
                                                Fd& file);

/// An image of one layer. @param config JSON, which names the layer's diff id @param shown for messages
std::unique_ptr<image::Source> single_layer_image(Fd file, const image::Descriptor& layer, std::string config,
                                                  const std::string& shown);

}  // namespace testctr::bundle
