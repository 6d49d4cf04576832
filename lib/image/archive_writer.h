// Writes images into one tar file, straight from where they are: little is copied aside, and little is held
// in memory. The same images give the same bytes: members are sorted, times 0, owners root.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/source.h"
#include "image/tar_out.h"

namespace testctr::image {

/// An image and what it is to be called. A name is a full one or a mere tag; there may be none.
struct NamedImage {
  std::unique_ptr<Source> source;
  std::vector<std::string> names;
};

/// Gives a source that does not know its layers' digests (docker-archive) these and a manifest. Reads such
/// layers once.
Status settle(Source& source);

/// The entry of an index for a source that is settled. @param name org.opencontainers.image.ref.name; may be
/// empty
Json index_entry(const Source& source, const std::string& name);
/// index.json of such entries, sorted.
std::string index_document(std::vector<Json> entries);

/// Copies bytes to `write` and compares them with what they are said to be. Errors: of `write`; other bytes.
Status copy_checked(ByteSource& from, const Descriptor& said, std::string_view what,
                    const std::function<Status(std::string_view)>& write);

/// What an OCI archive holds beside the images that its index lists.
struct ArchiveExtras {
  std::vector<std::unique_ptr<Source>> unlisted;   ///< further images, found by who knows their digests
  std::vector<std::string> documents;              ///< further blobs
  std::map<std::string, std::string> annotations;  ///< of every entry of the index
  /// zstd layers as uncompressed blobs as well, which manifest.json then names: Docker before 23 reads no
  /// others. Only where these are at most so many bytes in all.
  uint64_t most_plain = 0;
  bool left_plain_out = false;  ///< set: there are such layers, and they were too much
  /// A folder for unnamed files, so that such layers, as long as they are small, are unpacked only once;
  /// empty: none.
  std::string scratch;
};

/// An OCI archive: all blobs as they are, and a manifest.json for Docker's `load`.
Status write_oci_archive(std::vector<NamedImage>& images, int out);
Status write_extended_archive(std::vector<NamedImage>& images, BlockSink out, ArchiveExtras& extras);

/// What `docker save` writes: configurations, uncompressed layers, manifest.json. Each layer is read twice
/// where it is compressed, since a member's size stands before it.
Status write_docker_archive(std::vector<NamedImage>& images, int out);

}  // namespace testctr::image
