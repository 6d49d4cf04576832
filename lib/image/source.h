// Where an image comes from: a layout, an archive, the store's own blobs, the program itself. All give the
// same three things: the manifest's bytes, the configuration's, and a stream for each layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive.h"
#include "image/manifest.h"
#include "image/reference.h"

namespace testctr::image {

/// An index that led to a manifest.
struct IndexDocument {
  Digest digest;
  std::string bytes;
};
/// The annotation of an index's entry by which `image save` tells further indexes that the image is known by:
/// their digests, separated by ",". Each lies beside the image as a blob, and names it.
inline constexpr const char* indexes_annotation = "org.testctr.indexes";

class Source {
 public:
  virtual ~Source() = default;

  Platform platform = Platform::own();  ///< which image of an index is meant
  std::string shown;                    ///< for messages: the reference as people wrote it
  std::string manifest_bytes;  ///< verified; empty for a source without an OCI manifest (docker-archive)
  Digest manifest_digest;      ///< of the manifest; for a docker-archive of its configuration
  Manifest manifest;  ///< with an empty digest for each layer whose blob's digest the source does not know
  std::vector<IndexDocument>
      indexes;                     ///< that led to the manifest: a reference by digest may name one of them
  std::vector<std::string> names;  ///< full ones, that the layout or archive gives the image; may be none

  /// The configuration's bytes, verified.
  virtual Result<std::string> config() = 0;
  /// A stream of layer `i`'s blob, not verified.
  virtual Result<std::unique_ptr<ByteSource>> layer(size_t i) = 0;
  /// Whether this process has written layer `i` just now, into a file that nobody else knows, and its digest
  /// is that of what it wrote: then it need not be verified.
  [[nodiscard]] virtual bool made_here(size_t i) const {
    (void)i;
    return false;
  }

  /// Told before the first `layer`, once: those that will be asked for, in that order, so that a download can
  /// go on with the next while one is unpacked. @param files a folder for files of its own, `tmp/` of the
  /// store, not owned
  virtual void expect(const std::vector<size_t>& layers, int files) {
    (void)layers;
    (void)files;
  }
  /// Whether it has what it gives as files in that folder.
  [[nodiscard]] virtual bool keeps_files() const { return false; }
  /// The name there of the file with layer `i`'s bytes, once its stream has ended: the caller's from then on,
  /// who renames or removes it.
  virtual std::string take_file(size_t i) {
    (void)i;
    return {};
  }
};

using Sources = std::vector<std::unique_ptr<Source>>;

/// An image of an OCI image layout. @param tag which; empty: the only one
Result<std::unique_ptr<Source>> layout_source(const std::string& directory, const std::string& tag,
                                              const std::string& shown);
/// All that a layout holds for this machine, one for each digest; with a tag that one.
Result<Sources> layout_sources(const std::string& directory, const std::string& tag, const std::string& shown,
                               const Platform& platform);
/// An image among the blobs in these folders (which hold HEX files), by its manifest's digest.
Result<std::unique_ptr<Source>> blobs_source(std::vector<Fd> folders, const Digest& manifest,
                                             const std::string& shown);
/// oci-archive and docker-archive files, told apart by what is in them; plain or compressed (gzip, zstd, xz,
/// bzip2).
/// @param scratch a directory for an unnamed copy of what cannot be read twice or is compressed.
Result<std::unique_ptr<Source>> archive_source(const Reference& reference, int scratch);
/// All that an archive holds for this machine, one for each digest; with a tag in the reference that one.
Result<Sources> archive_sources(const Reference& reference, int scratch, const Platform& platform);

/// An OCI archive that lies somewhere in a file, with blobs that its index does not lead to.
class OciArchive {
 public:
  /// @param begin, size where it lies in the file, in bytes @param shown for messages
  /// Infrastructure errors: it is none, or is cut.
  static Result<OciArchive> open(Fd file, uint64_t begin, uint64_t size, const std::string& shown);
  [[nodiscard]] const Index& index() const;
  /// A stream of a blob, not verified.
  Result<std::unique_ptr<ByteSource>> blob(const Digest& digest) const;
  /// An image in it; its documents are verified.
  Result<std::unique_ptr<Source>> image(const Descriptor& manifest) const;

 private:
  struct Impl;
  explicit OciArchive(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// Reads and verifies a document. @param what for messages: "manifest".
Result<std::string> checked_document(ByteSource& source, const Descriptor& descriptor, std::string_view what);
/// Gives a stream for a digest.
using OpenBlob = std::function<Result<std::unique_ptr<ByteSource>>(const Digest&)>;
/// From the descriptor of an image down to its manifest, through nested indexes. What its annotation names of
/// them is believed when it is true.
Status follow(Source& into, const ChosenImage& chosen, const OpenBlob& open);
/// For a source that has no manifest of its own (docker-archive) and knows the digests of all its layers: one
/// that says the same.
void describe(Source& source);

}  // namespace testctr::image
