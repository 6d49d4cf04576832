// An image at a registry, as a Source: documents are fetched when it is made, layers when they are asked for.
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/remote.h"

namespace testctr::image {
namespace {

registry::Blob blob_of(const Descriptor& descriptor) { return {descriptor.digest, descriptor.size}; }

// The blob from the first place that gives it.
Result<std::unique_ptr<ByteSource>> open_blob(const std::vector<std::unique_ptr<registry::Session>>& sessions,
                                              const registry::Blob& blob) {
  for (size_t i = 0;; ++i) {
    auto stream = sessions[i]->blob(blob);
    if (stream.ok() || i + 1 == sessions.size() || stream.error().number() == ECANCELED) return stream;
  }
}

// What the server calls a document, where it calls it anything; else what it calls itself or looks like.
Result<std::string> media_type_of(const registry::Document& document) {
  const std::string& said = document.media_type;
  if (is_index_type(said) || is_manifest_type(said)) return said;
  if (!said.empty() && said != "application/json" && said != "application/octet-stream" &&
      !said.starts_with("application/vnd."))
    return Error(Error::infrastructure(
                     fmt::format("the answer is of the type {}, and no manifest", text::quoted(said))))
        .hint("is a registry there, or a page in front of it that wants somebody to log in?");
  const Json json = TRY_IN(json::parse(document.bytes), "the manifest");
  const std::string own = TRY_IN(json::get_string(json, "mediaType", ""), "the manifest");
  if (!own.empty()) return own;
  return std::string(json.contains("manifests") ? media::oci_index : media::oci_manifest);
}

class RegistrySource final : public Source {
 public:
  RegistrySource(std::shared_ptr<Remote> remote, Remote::Found found)
      : remote_(std::move(remote)), found_(std::move(found)) {}

  Status open() {
    shown = found_.name.full();
    if (found_.name.digest.empty()) names = {found_.name.tagged()};
    platform = remote_->access().platform;
    registry::Document& top = found_.document;
    top.media_type = TRY(media_type_of(top));
    if (!is_index_type(top.media_type)) return take_manifest(top.bytes, top.media_type, top.digest);
    indexes.push_back({top.digest, found_.document.bytes});
    const Index index = TRY(parse_index(top.bytes, top.media_type));
    const ChosenImage chosen{TRY(choose(index, "", shown, platform)), {}};
    return follow(*this, chosen, [this](const Digest& digest) { return document(digest); });
  }

  Result<std::string> config() override {
    const std::unique_ptr<ByteSource> stream = TRY(open_blob(found_.sessions, blob_of(manifest.config)));
    return checked_document(*stream, manifest.config, "configuration");
  }

  void expect(const std::vector<size_t>& layers, int files) override {
    files_ = files;
    std::vector<Downloads::Blob> blobs;
    for (const size_t i : layers) blobs.push_back({manifest.layers[i].digest, manifest.layers[i].size});
    if (!blobs.empty()) (void)begin(std::move(blobs));
  }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override {
    if (files_ < 0) return open_blob(found_.sessions, blob_of(manifest.layers[i]));
    if (!downloads_) CHECK_OK(begin({}));
    return downloads_->reader({manifest.layers[i].digest, manifest.layers[i].size});
  }
  [[nodiscard]] bool keeps_files() const override { return files_ >= 0; }
  std::string take_file(size_t i) override {
    return downloads_ ? downloads_->take(manifest.layers[i].digest) : std::string();
  }

 private:
  Status begin(std::vector<Downloads::Blob> blobs) {
    Fd folder = TRY(sys::duplicate(files_));
    downloads_.emplace(
        std::move(folder), std::move(blobs),
        [this](const Downloads::Blob& blob) {
          return open_blob(found_.sessions, {blob.digest, blob.size});
        },
        remote_->access(), shown);
    return {};
  }

  Status take_manifest(const std::string& bytes, const std::string& media_type, const Digest& digest) {
    manifest_bytes = bytes;
    manifest = TRY(parse_manifest(bytes, media_type));
    manifest_digest = digest;
    return {};
  }

  // A manifest or index below the index: by its digest, as documents are asked for.
  Result<std::unique_ptr<ByteSource>> document(const Digest& digest) {
    for (size_t i = 0;; ++i) {
      auto got = found_.sessions[i]->manifest(digest.str(), largest_document);
      if (got.ok()) {
        documents_.push_back(std::move(got.value().bytes));
        return memory_source(documents_.back());
      }
      if (i + 1 == found_.sessions.size() || got.error().number() == ECANCELED) return std::move(got).error();
    }
  }

  std::shared_ptr<Remote> remote_;
  Remote::Found found_;
  std::deque<std::string> documents_;
  int files_ = -1;
  std::optional<Downloads> downloads_;
};

}  // namespace

Result<std::unique_ptr<Source>> registry_source(std::shared_ptr<Remote> remote, Remote::Found found) {
  auto source = std::make_unique<RegistrySource>(std::move(remote), std::move(found));
  CHECK_OK(source->open());
  return std::unique_ptr<Source>(std::move(source));
}

Result<std::vector<std::pair<Platform, Digest>>> platforms_of(Remote::Found& found) {
  std::vector<std::pair<Platform, Digest>> all;
  found.document.media_type = TRY(media_type_of(found.document));
  if (!is_index_type(found.document.media_type)) {
    const Manifest manifest = TRY(parse_manifest(found.document.bytes, found.document.media_type));
    const std::unique_ptr<ByteSource> stream = TRY(open_blob(found.sessions, blob_of(manifest.config)));
    const std::string config = TRY(checked_document(*stream, manifest.config, "configuration"));
    all.emplace_back(TRY(config_platform(config)), found.document.digest);
    return all;
  }
  const Index index = TRY(parse_index(found.document.bytes, found.document.media_type));
  for (const Descriptor& d : index.manifests) {
    const bool image = is_manifest_type(d.media_type) || is_index_type(d.media_type);
    if (image && !d.os.empty() && d.os != "unknown")
      all.emplace_back(Platform{d.os, d.architecture, d.variant}, d.digest);
  }
  return all;
}

}  // namespace testctr::image
