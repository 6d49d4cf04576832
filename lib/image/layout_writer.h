// Writes OCI image layouts and archives, the same bytes from the same input wherever it is done.
//
//   LayoutWriter w = TRY(LayoutWriter::create("build/images/golang"));
//   CHECK_OK(w.add_layer(tar_fd, Compression::zstd));
//   CHECK_OK(w.finish({.config = c}, "latest"));
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/image.h"
#include "image/manifest.h"

namespace testctr::image {

enum class Compression : uint8_t {
  none,
  gzip,
  zstd,
};

/// What goes into the image's configuration besides its layers.
struct LayoutImage {
  Config config;  ///< os and architecture may be empty: this machine's
  /// Seconds since the epoch for `created` and the history; the default is $SOURCE_DATE_EPOCH, else 0.
  std::optional<int64_t> created;
  std::map<std::string, std::string> annotations;  ///< of the manifest
};

/// A layer as it is stored.
struct CompressedLayer {
  Descriptor blob;
  Digest diff_id;
};
/// Compresses a tar stream, the same bytes from the same input. @param tar at its start, read to its end
/// @param out where the blob goes
Result<CompressedLayer> compress_layer(int tar, int out, Compression compression);

/// A health check as an image's configuration has it.
Json healthcheck_json(const Healthcheck& check);

class LayoutWriter {
 public:
  /// Makes `directory` (which must not exist or be empty) an OCI layout without images.
  static Result<LayoutWriter> create(const std::string& directory);

  using Layer = CompressedLayer;
  /// Adds a layer on top of those added before. @param tar a descriptor at the start of an uncompressed tar
  /// stream, read to its end.
  /// @param history one line for the config's history ("created_by").
  Result<Layer> add_layer(int tar, Compression compression, std::string history = "");
  /// Adds a blob that is there already as bytes.
  Result<Descriptor> add_blob(std::string_view bytes, std::string_view media_type);
  /// Writes configuration, manifest and index. @param tag org.opencontainers.image.ref.name; may be empty.
  /// @return the manifest's descriptor. The writer can then begin the next image of the same layout.
  Result<Descriptor> finish(const LayoutImage& image, const std::string& tag);

 private:
  explicit LayoutWriter(Fd directory) : directory_(std::move(directory)) {}
  Fd directory_;
  std::vector<Layer> layers_;
  std::vector<std::string> history_;
  std::vector<std::string> manifests_;  ///< index entries as JSON text
};

/// $SOURCE_DATE_EPOCH, or `fallback` when it is not set; an error when it is not a number.
Result<int64_t> source_date_epoch(int64_t fallback);

/// Time in RFC 3339, UTC.
std::string rfc3339(int64_t seconds);

}  // namespace testctr::image
