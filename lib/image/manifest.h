// The OCI and Docker documents that describe an image: index, manifest, configuration. Parsed from hostile
// bytes, bounded, strictly.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "image/image.h"
#include "image/platform.h"

namespace testctr::image {

/// No document may be larger than this (image-spec, manifest.md asks registries for 4 MiB).
inline constexpr size_t largest_document = size_t{4} << 20;
/// Layers in one image; overlayfs stops far above it, engines at it.
inline constexpr size_t most_layers = 500;

/// Media types that we read and write.
namespace media {
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view oci_layer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view oci_layer_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view oci_layer_zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view docker_index = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view docker_layer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view docker_layer_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media

/// image-spec, descriptor.md.
struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;
  std::string os, architecture, variant;           ///< platform; empty when not given
  std::map<std::string, std::string> annotations;  ///< only those with string values
  /// "org.opencontainers.image.ref.name" or "".
  [[nodiscard]] std::string ref_name() const;
  /// The full name that these annotations give, "docker.io/library/golang:latest"; "" for none, or only a
  /// tag. What containerd writes beside the tag counts, too.
  [[nodiscard]] std::string full_name() const;
};

struct Index {
  std::vector<Descriptor> manifests;
};
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  ///< lowest first
};

/// Whether a layer of this media type can be unpacked (OCI and Docker tar, plain, gzip, zstd; also the
/// non-distributable kinds).
bool is_layer_type(std::string_view media_type);
bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);

/// Parses an index (OCI image index or Docker manifest list; `index.json` too).
/// @param media_type what the descriptor or the server called it; "" when unknown. The document's own
/// mediaType must agree with it.
/// @return an infrastructure error for: not JSON, too large, wrong schemaVersion, both `manifests` and
/// `layers`, malformed descriptors.
Result<Index> parse_index(std::string_view bytes, std::string_view media_type);
/// Parses an image manifest; as parse_index. Media types of layers that cannot be unpacked are refused here.
Result<Manifest> parse_manifest(std::string_view bytes, std::string_view media_type);

struct ImageConfig {
  Config config;
  std::vector<Digest> diff_ids;  ///< of the uncompressed layers, lowest first
  std::string created;
};
/// Parses an image configuration. @return an error also where it is made for another platform than the one
/// given.
Result<ImageConfig> parse_config(std::string_view bytes, const Platform& platform = Platform::own());

/// What an image configuration says that it is made for.
Result<Platform> config_platform(std::string_view bytes);

/// The architecture in OCI terms of the machine this program is built for.
std::string_view own_architecture();

/// The descriptor in an index that a reference leads to.
/// @param tag the wanted name, or the tag in it; "" takes the only one, or the one for this platform.
/// @param where for messages: the file or layout.
Result<Descriptor> choose(const Index& index, std::string_view tag, std::string_view where,
                          const Platform& platform = Platform::own());

/// An image of an index, and the full names that the index has for it.
struct ChosenImage {
  Descriptor descriptor;
  std::vector<std::string> names;
};
/// All images in an index that this machine can use, one for each digest, in their order; with a tag the one
/// that `choose` finds. Errors: there is none; of a name there are only images for other platforms.
Result<std::vector<ChosenImage>> choose_all(const Index& index, std::string_view tag, std::string_view where,
                                            const Platform& platform = Platform::own());

/// The chain id of a stack of layers (image-spec, config.md "Layer ChainID").
/// @param below chain id of the layers below; empty for the lowest.
Digest chain_id(const Digest& below, const Digest& diff_id);

}  // namespace testctr::image
