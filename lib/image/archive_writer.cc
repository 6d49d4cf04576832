#include "image/archive_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/blob.h"
#include "image/reference.h"

namespace testctr::image {
namespace {

constexpr size_t block = size_t{256} * 1024;
constexpr uint64_t most_kept = uint64_t{64} << 20;  // of a layer, unpacked

// A tar file of members that come in any order and are written sorted.
class Tar {
 public:
  using Write = std::function<Status(const std::function<Status(std::string_view)>&)>;

  /// A name that is there already keeps what it has: it is the digest of that.
  void add(const std::string& name, uint64_t size, Write write) {
    members_.try_emplace(name, Member{size, std::move(write)});
  }
  void add(const std::string& name, std::string bytes) {
    const uint64_t size = bytes.size();
    add(name, size, [bytes = std::move(bytes)](const auto& write) { return write(bytes); });
  }
  [[nodiscard]] bool has(const std::string& name) const { return members_.contains(name); }
  void add_folder(const std::string& name) { members_.try_emplace(name, Member{}); }

  Status write(BlockSink out) const {
    const auto tar = TRY(TarOut::open(std::move(out)));
    for (const auto& [name, member] : members_) {
      const bool folder = !member.write;
      const mode_t mode = folder ? S_IFDIR | 0755 : S_IFREG | 0644;
      CHECK_OK(tar->member({.path = name, .mode = mode, .size = member.size}));
      if (folder) continue;
      CHECK_OK(member.write([&, &path = name](std::string_view bytes) { return tar->bytes(bytes, path); }));
    }
    return tar->close();
  }

 private:
  struct Member {
    uint64_t size = 0;
    Write write;  ///< empty: a folder
  };

  std::map<std::string, Member> members_;
};

BlockSink into(int file) {
  return [file](std::string& bytes) { return sys::write_full(file, bytes); };
}

std::string blob_name(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

// What Docker and Podman take for a name: not a mere tag.
Json docker_names(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) {
    auto reference = Reference::parse_new_name(name);
    if (name.find_first_of(":/") != std::string::npos && reference.ok())
      list.push_back(reference.value().full());
  }
  return list;
}

// manifest.json, with each image once.
class DockerManifest {
 public:
  void add(const std::string& config, const Json& names, const Json& layers) {
    Image& image = images_[config];
    image.layers = layers;
    for (const Json& name : names) image.names.insert(name.get<std::string>());
  }
  [[nodiscard]] std::string bytes() const {
    Json list = Json::array();
    for (const auto& [config, image] : images_)
      list.push_back({{"Config", config}, {"Layers", image.layers}, {"RepoTags", image.names}});
    return json::dump(list);
  }

 private:
  struct Image {
    Json layers;
    std::set<std::string> names;
  };
  std::map<std::string, Image> images_;
};

std::string layer_name(const Source& source, size_t i) {
  return fmt::format("{}: layer {} of {} ({})", source.shown, i + 1, source.manifest.layers.size(),
                     source.manifest.layers[i].digest.str().substr(0, 19));
}

// That it has the size that stands before it, the tar sees.
Status copy(ByteSource& from, const std::function<Status(std::string_view)>& write) {
  std::string buffer(block, '\0');
  for (;;) {
    const size_t n = TRY(from.read(buffer.data(), buffer.size()));
    if (n == 0) return {};
    CHECK_OK(write({buffer.data(), n}));
  }
}

void add_documents_and_layers(Tar& tar, Source& source) {
  for (const IndexDocument& index : source.indexes) tar.add(blob_name(index.digest), index.bytes);
  tar.add(blob_name(source.manifest_digest), source.manifest_bytes);
  const Descriptor& config = source.manifest.config;
  tar.add(blob_name(config.digest), config.size,
          [&source](const auto& write) -> Status { return write(TRY(source.config())); });
  for (size_t i = 0; i < source.manifest.layers.size(); ++i) {
    const Descriptor& layer = source.manifest.layers[i];
    tar.add(blob_name(layer.digest), layer.size, [&source, i](const auto& write) -> Status {
      const std::unique_ptr<ByteSource> stream = TRY(source.layer(i));
      if (source.made_here(i)) return copy(*stream, write);
      return copy_checked(*stream, source.manifest.layers[i], layer_name(source, i), write);
    });
  }
}

// The uncompressed bytes of a layer, verified, to `write` where one is given. @return their number
Result<uint64_t> unpacked(Source& source, size_t i, const Digest& diff_id,
                          const std::function<Status(std::string_view)>& write) {
  const Descriptor& layer = source.manifest.layers[i];
  BlobClaim claim;
  claim.name = layer_name(source, i);
  claim.digest = layer.digest;
  claim.check_size = !layer.digest.empty();
  claim.size = layer.size;
  claim.diff_id = diff_id;
  const std::unique_ptr<BlobStream> stream = TRY(BlobStream::start(TRY(source.layer(i)), std::move(claim)));
  while (write) {
    const std::string_view bytes = TRY(stream->next());
    if (bytes.empty()) break;
    CHECK_OK(write(bytes));
  }
  return TRY(stream->finish()).tar_size;
}

}  // namespace

Status copy_checked(ByteSource& from, const Descriptor& said, std::string_view what,
                    const std::function<Status(std::string_view)>& write) {
  Sha256 hash;
  uint64_t size = 0;
  std::string buffer(block, '\0');
  for (;;) {
    const size_t n = TRY_IN(from.read(buffer.data(), buffer.size()), std::string(what));
    if (n == 0) break;
    size += n;
    if (size > said.size) break;
    hash.update({buffer.data(), n});
    CHECK_OK(write({buffer.data(), n}));
  }
  if (size != said.size)
    return Error::infrastructure(fmt::format("{} is {} bytes long, but described with {}: it is damaged",
                                             what, size > said.size ? "more" : std::to_string(size),
                                             said.size));
  const Digest found = hash.finish();
  if (found != said.digest)
    return Error::infrastructure(fmt::format("{} has the digest {}: it is damaged", what, found.str()));
  return {};
}

Status settle(Source& source) {
  if (!source.manifest_bytes.empty()) return {};
  for (size_t i = 0; i < source.manifest.layers.size(); ++i) {
    Descriptor& layer = source.manifest.layers[i];
    if (!layer.digest.empty()) continue;
    const std::unique_ptr<ByteSource> stream = TRY(source.layer(i));
    Sha256 hash;
    std::string buffer(block, '\0'), begin;
    for (;;) {
      const size_t n = TRY_IN(stream->read(buffer.data(), buffer.size()), layer_name(source, i));
      if (n == 0) break;
      if (begin.size() < 4) begin.append(buffer, 0, std::min<size_t>(n, 4));
      hash.update({buffer.data(), n});
      layer.size += n;
    }
    layer.digest = hash.finish();
    layer.media_type = begin.starts_with("\x1f\x8b")           ? media::oci_layer_gzip
                       : begin.starts_with("\x28\xb5\x2f\xfd") ? media::oci_layer_zstd
                                                               : media::oci_layer;
  }
  describe(source);
  return {};
}

Json index_entry(const Source& source, const std::string& name) {
  std::string type(media::oci_manifest);
  if (auto manifest = json::parse(source.manifest_bytes); manifest.ok())
    if (auto own = json::get_string(manifest.value(), "mediaType", type); own.ok()) type = own.value();
  Json entry = {
      {"mediaType", type}, {"digest", source.manifest_digest.str()}, {"size", source.manifest_bytes.size()}};
  if (!name.empty()) entry["annotations"]["org.opencontainers.image.ref.name"] = name;
  std::vector<std::string> indexes;
  for (const IndexDocument& index : source.indexes) indexes.push_back(index.digest.str());
  if (!indexes.empty()) entry["annotations"][indexes_annotation] = text::join(indexes, ",");
  return entry;
}

std::string index_document(std::vector<Json> entries) {
  std::sort(entries.begin(), entries.end(), [](const Json& a, const Json& b) {
    auto key = [](const Json& entry) {
      const Json* annotations = json::find(entry, "annotations", Json::value_t::object);
      return std::pair(annotations != nullptr ? json::dump(*annotations) : "", json::dump(entry));
    };
    return key(a) < key(b);
  });
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return json::dump({{"schemaVersion", 2}, {"mediaType", media::oci_index}, {"manifests", entries}});
}

namespace {

bool is_zstd(const Descriptor& layer) { return layer.media_type.ends_with("zstd"); }

/// A layer unpacked, in a file without a name as far as it is small.
struct Plain {
  uint64_t size = 0;
  std::shared_ptr<Fd> file;  ///< null: it is unpacked once more when it is needed
};

Result<Plain> measured(Source& source, size_t i, const Digest& diff_id, const std::string& scratch) {
  Plain plain;
  if (scratch.empty()) {
    plain.size = TRY(unpacked(source, i, diff_id, nullptr));
    return plain;
  }
  plain.file = std::make_shared<Fd>(TRY(sys::unnamed_file(scratch)));
  uint64_t kept = 0;
  plain.size = TRY(unpacked(source, i, diff_id, [&](std::string_view bytes) -> Status {
    kept += bytes.size();
    if (plain.file && kept > most_kept) plain.file.reset();
    return plain.file ? sys::write_full(plain.file->get(), bytes) : Status();
  }));
  if (plain.file && ::lseek(plain.file->get(), 0, SEEK_SET) != 0)
    return Error::system("lseek", "an unpacked layer");
  return plain;
}

// The layers as manifest.json is to name them: zstd ones uncompressed, where there is room for that.
Result<std::vector<std::string>> docker_layers(Tar& tar, Source& source, ArchiveExtras& extras) {
  const std::vector<Descriptor>& layers = source.manifest.layers;
  std::vector<std::string> names;
  for (const Descriptor& layer : layers) names.push_back(blob_name(layer.digest));
  if (extras.most_plain == 0 || std::none_of(layers.begin(), layers.end(), is_zstd)) return names;
  const ImageConfig config = TRY_IN(parse_config(TRY(source.config())), source.shown);
  if (config.diff_ids.size() != layers.size()) return names;
  uint64_t whole = 0;
  std::vector<Plain> plain(layers.size());
  for (size_t i = 0; i < layers.size() && whole <= extras.most_plain; ++i) {
    // What is compressed already is longer than that.
    if (is_zstd(layers[i]) && whole + layers[i].size <= extras.most_plain)
      plain[i] = TRY(measured(source, i, config.diff_ids[i], extras.scratch));
    whole += is_zstd(layers[i]) ? std::max(plain[i].size, layers[i].size) : 0;
  }
  extras.left_plain_out = whole > extras.most_plain;
  if (extras.left_plain_out) return names;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!is_zstd(layers[i])) continue;
    const Digest diff_id = config.diff_ids[i];
    names[i] = blob_name(diff_id);
    tar.add(names[i], plain[i].size,
            [&source, i, diff_id, file = plain[i].file](const auto& write) -> Status {
              if (file) return copy(*file_source(TRY(sys::duplicate(file->get()))), write);
              (void)TRY(unpacked(source, i, diff_id, write));
              return {};
            });
  }
  return names;
}

}  // namespace

Status write_extended_archive(std::vector<NamedImage>& images, BlockSink out, ArchiveExtras& extras) {
  Tar tar;
  std::vector<Json> entries;
  DockerManifest docker;
  const auto list = [&](const Source& source, const std::string& name) {
    Json entry = index_entry(source, name);
    for (const auto& [key, value] : extras.annotations) entry["annotations"][key] = value;
    entries.push_back(std::move(entry));
  };
  for (NamedImage& image : images) {
    Source& source = *image.source;
    CHECK_OK(settle(source));
    add_documents_and_layers(tar, source);
    if (image.names.empty()) list(source, "");
    for (const std::string& name : image.names) list(source, name);
    docker.add(blob_name(source.manifest.config.digest), docker_names(image.names),
               TRY(docker_layers(tar, source, extras)));
  }
  for (const auto& source : extras.unlisted) {
    CHECK_OK(settle(*source));
    add_documents_and_layers(tar, *source);
  }
  for (const std::string& document : extras.documents) tar.add(blob_name(Digest::of(document)), document);
  tar.add_folder("blobs");
  tar.add_folder("blobs/sha256");
  tar.add("index.json", index_document(std::move(entries)));
  tar.add("manifest.json", docker.bytes());
  tar.add("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
  return tar.write(std::move(out));
}

Status write_oci_archive(std::vector<NamedImage>& images, int out) {
  ArchiveExtras none;
  return write_extended_archive(images, into(out), none);
}

Status write_docker_archive(std::vector<NamedImage>& images, int out) {
  Tar tar;
  DockerManifest docker;
  for (NamedImage& image : images) {
    Source& source = *image.source;
    std::string bytes = TRY(source.config());
    const ImageConfig config = TRY_IN(parse_config(bytes), source.shown);
    const std::vector<Descriptor>& layers = source.manifest.layers;
    if (config.diff_ids.size() != layers.size())
      return Error::infrastructure(
          fmt::format("{}: the manifest has {} layers, but the configuration has {} diff_ids", source.shown,
                      layers.size(), config.diff_ids.size()));
    Json names = Json::array();
    for (size_t i = 0; i < layers.size(); ++i) {
      const Digest diff_id = config.diff_ids[i];
      const std::string name = diff_id.hex() + ".tar";
      names.push_back(name);
      if (tar.has(name)) continue;
      const bool plain = layers[i].digest == diff_id;
      const uint64_t size = plain ? layers[i].size : TRY(unpacked(source, i, diff_id, nullptr));
      tar.add(name, size, [&source, i, diff_id](const auto& write) -> Status {
        (void)TRY(unpacked(source, i, diff_id, write));
        return {};
      });
    }
    const std::string name = Digest::of(bytes).hex() + ".json";
    tar.add(name, std::move(bytes));
    docker.add(name, docker_names(image.names), names);
  }
  tar.add("manifest.json", docker.bytes());
  return tar.write(into(out));
}

}  // namespace testctr::image
