#include "image/source.h"

#include <fcntl.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {

Result<std::string> checked_document(ByteSource& source, const Descriptor& descriptor,
                                     std::string_view what) {
  std::string context = fmt::format("the {} {}", what, descriptor.digest.str());
  if (descriptor.size > largest_document)
    return Error::infrastructure(
        fmt::format("{} is said to be {} long", context, text::human_size(descriptor.size)));
  std::string bytes = TRY_IN(read_source(source, largest_document), context);
  if (bytes.size() != descriptor.size)
    return Error::infrastructure(
        fmt::format("{} is {} bytes long, but described with {}: the image is truncated or damaged", context,
                    bytes.size(), descriptor.size));
  Digest found = Digest::of(bytes);
  if (found != descriptor.digest)
    return Error::infrastructure(
        fmt::format("{} has the digest {}: the image is damaged", context, found.str()));
  return bytes;
}

namespace {

// An index that is told must have the image, or another of them that is told.
Status take_told_indexes(Source& into, const Descriptor& entry, const OpenBlob& open) {
  const auto told = entry.annotations.find(indexes_annotation);
  if (told == entry.annotations.end()) return {};
  constexpr size_t most = 16;
  const std::vector<std::string> digests = text::split(told->second, ',');
  if (digests.size() > most)
    return Error::infrastructure(fmt::format("its entry tells of {} indexes", digests.size()));
  for (const std::string& text : digests) {
    IndexDocument document{TRY(Digest::parse(text)), ""};
    const std::unique_ptr<ByteSource> stream = TRY(open(document.digest));
    document.bytes = TRY_IN(read_source(*stream, largest_document), "the index " + text);
    if (Digest::of(document.bytes) != document.digest)
      return Error::infrastructure(fmt::format("the index {} is damaged", text));
    const Index index = TRY(parse_index(document.bytes, ""));
    const bool has_it = std::any_of(index.manifests.begin(), index.manifests.end(), [&](const Descriptor& d) {
      return d.digest == into.manifest_digest ||
             std::find(digests.begin(), digests.end(), d.digest.str()) != digests.end();
    });
    if (!has_it)
      return Error::infrastructure(fmt::format("the index {} is told to have the image {}, and has not", text,
                                               into.manifest_digest.str()));
    into.indexes.push_back(std::move(document));
  }
  return {};
}

}  // namespace

Status follow(Source& into, const ChosenImage& image, const OpenBlob& open) {
  Descriptor chosen = image.descriptor;
  into.names = image.names;
  for (int depth = 0; is_index_type(chosen.media_type); ++depth) {
    constexpr int deepest = 4;
    if (depth == deepest) return Error::infrastructure("its indexes are nested too deep");
    std::unique_ptr<ByteSource> stream = TRY(open(chosen.digest));
    std::string bytes = TRY(checked_document(*stream, chosen, "index"));
    Index inner = TRY(parse_index(bytes, chosen.media_type));
    into.indexes.push_back({chosen.digest, std::move(bytes)});
    chosen = TRY(choose(inner, "", into.shown, into.platform));
  }
  std::unique_ptr<ByteSource> stream = TRY(open(chosen.digest));
  into.manifest_bytes = TRY(checked_document(*stream, chosen, "manifest"));
  into.manifest = TRY(parse_manifest(into.manifest_bytes, chosen.media_type));
  into.manifest_digest = chosen.digest;
  return take_told_indexes(into, image.descriptor, open);
}

void describe(Source& source) {
  auto described = [](const Descriptor& d) {
    return Json{{"mediaType", d.media_type}, {"digest", d.digest.str()}, {"size", d.size}};
  };
  Json manifest = {{"schemaVersion", 2},
                   {"mediaType", media::oci_manifest},
                   {"config", described(source.manifest.config)},
                   {"layers", Json::array()}};
  for (const Descriptor& d : source.manifest.layers) manifest["layers"].push_back(described(d));
  source.manifest_bytes = json::dump(manifest);
  source.manifest_digest = Digest::of(source.manifest_bytes);
}

namespace {

// Blobs that are files named by their digest in one directory.
class BlobDirectory final : public Source {
 public:
  explicit BlobDirectory(Fd directory) { folders_.push_back(std::move(directory)); }
  explicit BlobDirectory(std::vector<Fd> folders) : folders_(std::move(folders)) {}
  Result<std::unique_ptr<ByteSource>> open(const Digest& digest) {
    auto fd = sys::open_in_root(folders_[0].get(), digest.hex(), O_RDONLY | O_NONBLOCK);
    for (size_t i = 1; i < folders_.size() && !fd.ok() && fd.error().number() == ENOENT; ++i)
      fd = sys::open_in_root(folders_[i].get(), digest.hex(), O_RDONLY | O_NONBLOCK);
    if (!fd.ok() && fd.error().number() == ENOENT)
      return Error::infrastructure(fmt::format("the blob {} is missing", digest.str()));
    if (!fd.ok()) return std::move(fd).error();
    struct stat st {};
    if (fstat(fd.value().get(), &st) != 0) return Error::system("fstat", digest.hex());
    if (!S_ISREG(st.st_mode))
      return Error::infrastructure(fmt::format("the blob {} is not a file", digest.str()));
    return file_source(std::move(fd).value());
  }
  Result<std::string> config() override {
    std::unique_ptr<ByteSource> stream = TRY(open(manifest.config.digest));
    return checked_document(*stream, manifest.config, "configuration");
  }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override { return open(manifest.layers[i].digest); }

 private:
  std::vector<Fd> folders_;
};

struct OpenedLayout {
  Index index;
  Fd blobs;
};

Result<OpenedLayout> open_layout(const std::string& directory, const std::string& shown) {
  auto opened = sys::open(directory, O_RDONLY | O_DIRECTORY);
  if (!opened.ok()) return std::move(opened).error().in(shown);
  Fd root = std::move(opened).value();
  if (!TRY_IN(sys::stat_at(root.get(), "oci-layout", 0), shown))
    return Error(Error::infrastructure(
                     fmt::format("{} is no OCI image layout: it has no file oci-layout", directory)))
        .hint(
            "an unpacked root file system is named dir:ROOTFS, an archive oci-archive:FILE or "
            "docker-archive:FILE");
  std::string version = TRY_IN(sys::read_file_at(root.get(), "oci-layout", 4096), shown);
  Json layout = TRY_IN(json::parse(version), shown + ": oci-layout");
  std::string layout_version = TRY_IN(json::get_string(layout, "imageLayoutVersion"), shown + ": oci-layout");
  if (!layout_version.starts_with("1."))
    return Error::infrastructure(
        fmt::format("{}: unknown version {} of the layout", shown, text::quoted(layout_version)));
  std::string index = TRY_IN(sys::read_file_at(root.get(), "index.json", largest_document), shown);
  Fd blobs = TRY_IN(sys::open_in_root(root.get(), "blobs/sha256", O_RDONLY | O_DIRECTORY), shown);
  return OpenedLayout{TRY_IN(parse_index(index, ""), shown), std::move(blobs)};
}

Result<std::unique_ptr<Source>> image_of_layout(const OpenedLayout& layout, const ChosenImage& chosen,
                                                const std::string& shown, const Platform& platform) {
  auto source = std::make_unique<BlobDirectory>(TRY(sys::duplicate(layout.blobs.get())));
  source->shown = shown;
  source->platform = platform;
  auto* raw = source.get();
  CHECK_OK(follow(*source, chosen, [raw](const Digest& d) { return raw->open(d); }).in(shown));
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace

Result<std::unique_ptr<Source>> layout_source(const std::string& directory, const std::string& tag,
                                              const std::string& shown) {
  const OpenedLayout layout = TRY(open_layout(directory, shown));
  Descriptor chosen = TRY_IN(choose(layout.index, tag, shown), shown);
  return image_of_layout(layout, {std::move(chosen), {}}, shown, Platform::own());
}

Result<Sources> layout_sources(const std::string& directory, const std::string& tag, const std::string& shown,
                               const Platform& platform) {
  const OpenedLayout layout = TRY(open_layout(directory, shown));
  Sources all;
  for (const ChosenImage& chosen : TRY_IN(choose_all(layout.index, tag, shown, platform), shown))
    all.push_back(TRY(image_of_layout(layout, chosen, shown, platform)));
  return all;
}

Result<std::unique_ptr<Source>> blobs_source(std::vector<Fd> folders, const Digest& digest,
                                             const std::string& shown) {
  auto source = std::make_unique<BlobDirectory>(std::move(folders));
  source->shown = shown;
  std::unique_ptr<ByteSource> stream = TRY_IN(source->open(digest), shown);
  source->manifest_bytes = TRY_IN(read_source(*stream, largest_document), shown);
  if (Digest::of(source->manifest_bytes) != digest)
    return Error::infrastructure(fmt::format("{}: the stored manifest {} is damaged", shown, digest.str()));
  source->manifest = TRY_IN(parse_manifest(source->manifest_bytes, ""), shown);
  source->manifest_digest = digest;
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace testctr::image
