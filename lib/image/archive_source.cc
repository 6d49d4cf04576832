// Images in one tar file: OCI archives and what `docker save`, `podman save` and skopeo write.
#include <fcntl.h>

#include <unordered_map>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/source.h"

namespace testctr::image {
namespace {

constexpr size_t most_members = 20000;
constexpr int most_links = 8;
constexpr size_t block = size_t{256} * 1024;

// A tar file that can be read at any place: plain and seekable.
struct TarFile {
  struct Member {
    int64_t header = 0;
    uint64_t size = 0;
    std::string link;  ///< of a symbolic or hard link, resolved to a name in the archive
  };
  Fd fd;
  int64_t begin = 0, end = INT64_MAX;  ///< of the archive in the file
  std::unordered_map<std::string, Member> members;
};

// Each reader has its own position: the descriptor's is not used.
struct Position {
  int fd = -1;
  int64_t at = 0;
  int64_t end = INT64_MAX;
  std::string buffer = std::string(block, '\0');
};

la_ssize_t read_at(struct archive* a, void* data, const void** bytes) {
  auto* p = static_cast<Position*>(data);
  for (;;) {
    const auto wanted =
        static_cast<size_t>(std::clamp<int64_t>(p->end - p->at, 0, static_cast<int64_t>(p->buffer.size())));
    ssize_t n = pread(p->fd, p->buffer.data(), wanted, p->at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      archive_set_error(a, errno, "read failed");
      return -1;
    }
    p->at += n;
    *bytes = p->buffer.data();
    return n;
  }
}
la_int64_t skip_at(struct archive*, void* data, la_int64_t request) {
  auto* p = static_cast<Position*>(data);
  // A header may tell of more than there is.
  p->at = std::min(p->at, p->end) + std::min(request, p->end - std::min(p->at, p->end));
  return request;
}

Status open_tar(struct archive* a, Position& position) {
  if (a == nullptr || archive_read_support_format_tar(a) != ARCHIVE_OK ||
      archive_read_set_read_callback(a, read_at) != ARCHIVE_OK ||
      archive_read_set_skip_callback(a, skip_at) != ARCHIVE_OK ||
      archive_read_set_callback_data(a, &position) != ARCHIVE_OK || archive_read_open1(a) != ARCHIVE_OK)
    return archive_error(a, "reading the archive");
  return {};
}

// "./a//b/../c" as an archive's writer means it: "a/c"; nothing when it leads out of the archive.
std::optional<std::string> plain_name(std::string_view name) {
  std::vector<std::string> parts;
  for (std::string& part : text::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return std::nullopt;
      parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  return text::join(parts, "/");
}

Status scan(TarFile& tar) {
  ArchiveReader reader(archive_read_new());
  Position position{.fd = tar.fd.get(), .at = tar.begin, .end = tar.end};
  struct archive* a = reader.get();
  CHECK_OK(open_tar(a, position));
  struct stat st {};
  if (fstat(tar.fd.get(), &st) != 0) return Error::system("fstat", "the archive");
  struct archive_entry* e = nullptr;
  for (;;) {
    int r = archive_read_next_header(a, &e);
    if (r == ARCHIVE_EOF) return {};
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN) return archive_error(a, "reading the archive");
    if (tar.members.size() >= most_members)
      return Error::infrastructure(fmt::format("the archive has more than {} members", most_members));
    const char* name = archive_entry_pathname(e);
    auto plain = plain_name(name != nullptr ? name : "");
    if (!plain || plain->empty()) continue;
    TarFile::Member member;
    member.header = tar.begin + archive_read_header_position(a);
    member.size = static_cast<uint64_t>(std::max<la_int64_t>(archive_entry_size(e), 0));
    if (const char* hard = archive_entry_hardlink(e)) {
      member.link = plain_name(hard).value_or("");
    } else if (archive_entry_filetype(e) == AE_IFLNK) {
      const char* target = archive_entry_symlink(e);
      size_t slash = plain->rfind('/');
      std::string folder = slash == std::string::npos ? "" : plain->substr(0, slash + 1);
      member.link = plain_name(folder + (target != nullptr ? target : "")).value_or("");
    } else if (archive_entry_filetype(e) != AE_IFREG) {
      continue;
    } else if (member.size >
               static_cast<uint64_t>(std::max<int64_t>(std::min(st.st_size, tar.end) - member.header, 0))) {
      return Error::infrastructure(
          fmt::format("the archive is truncated: it ends within {}", text::quoted(*plain)));
    }
    tar.members[*plain] = std::move(member);
  }
}

class MemberSource final : public ByteSource {
 public:
  MemberSource(const TarFile& tar, const TarFile::Member& member)
      : position_{.fd = tar.fd.get(), .at = member.header, .end = tar.end}, reader_(archive_read_new()) {}
  Status open() {
    CHECK_OK(open_tar(reader_.get(), position_));
    struct archive_entry* e = nullptr;
    int r = archive_read_next_header(reader_.get(), &e);
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN) return archive_error(reader_.get(), "reading the archive");
    return {};
  }
  Result<size_t> read(char* buffer, size_t size) override {
    la_ssize_t n = archive_read_data(reader_.get(), buffer, size);
    if (n < 0) return archive_error(reader_.get(), "reading the archive");
    return static_cast<size_t>(n);
  }

 private:
  Position position_;
  ArchiveReader reader_;
};

class ArchiveImage final : public Source {
 public:
  explicit ArchiveImage(std::shared_ptr<TarFile> tar) : tar_(std::move(tar)) {}
  std::vector<std::string> layer_names;  // of a docker-archive
  std::string config_name;

  const TarFile::Member* find(std::string name) const {
    for (int links = 0; links < most_links; ++links) {
      auto it = tar_->members.find(name);
      if (it == tar_->members.end()) return nullptr;
      if (it->second.link.empty()) return &it->second;
      name = it->second.link;
    }
    return nullptr;
  }
  Result<std::unique_ptr<ByteSource>> open(const std::string& name) const {
    const TarFile::Member* member = find(name);
    if (member == nullptr)
      return Error::infrastructure(fmt::format("{} is missing in the archive", text::quoted(name)));
    auto stream = std::make_unique<MemberSource>(*tar_, *member);
    CHECK_OK(stream->open());
    return std::unique_ptr<ByteSource>(std::move(stream));
  }
  Result<std::unique_ptr<ByteSource>> open_blob(const Digest& digest) const {
    return open("blobs/sha256/" + digest.hex());
  }
  Result<std::string> read(const std::string& name) const {
    std::unique_ptr<ByteSource> stream = TRY(open(name));
    return std::move(read_source(*stream, largest_document)).in(text::quoted(name));
  }

  Result<std::string> config() override {
    if (config_name.empty()) {
      std::unique_ptr<ByteSource> stream = TRY(open_blob(manifest.config.digest));
      return checked_document(*stream, manifest.config, "configuration");
    }
    return read(config_name);
  }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override {
    return layer_names.empty() ? open_blob(manifest.layers[i].digest) : open(layer_names[i]);
  }

 private:
  std::shared_ptr<TarFile> tar_;  // other images of the archive have it as well
};

// An entry of manifest.json.
struct DockerImage {
  const Json* json = nullptr;
  std::vector<std::string> names;  // as they stand there
};

Result<std::vector<DockerImage>> docker_images(const Json& list) {
  if (!list.is_array() || list.empty()) return Error::infrastructure("its manifest.json lists no image");
  std::vector<DockerImage> images;
  for (const Json& image : list) {
    if (!image.is_object())
      return Error::infrastructure("its manifest.json holds something that is not an object");
    DockerImage& one = images.emplace_back(DockerImage{&image, {}});
    if (const Json* tags = json::find(image, "RepoTags", Json::value_t::array))
      for (const Json& t : *tags)
        if (t.is_string()) one.names.push_back(t.get<std::string>());
  }
  return images;
}

// The image that the tag names; docker's references are full or short names with a tag.
Result<DockerImage> choose_docker(const std::vector<DockerImage>& images, const std::string& tag,
                                  const std::string& shown) {
  auto full = Reference::parse_name(tag);
  const std::string wanted = full.ok() ? full.value().tagged() : tag;
  const DockerImage* found = nullptr;
  bool several = false;
  std::vector<std::string> names;
  for (const DockerImage& image : images) {
    bool matches = tag.empty();
    for (const std::string& name : image.names) {
      names.push_back(name);
      auto own = Reference::parse_name(name);
      matches = matches || name == tag || (own.ok() && own.value().tagged() == wanted);
    }
    if (!matches) continue;
    several = several || found != nullptr;
    found = &image;
  }
  if (found == nullptr)
    return Error::infrastructure(
        fmt::format("it has no image {}; it has {}", text::quoted(tag),
                    names.empty() ? "none with a name" : text::printable(text::join(names, ", "))));
  if (several)
    return Error(Error::usage(fmt::format("{} holds several images: {}", shown,
                                          text::printable(text::join(names, ", ")))))
        .hint("name one: docker-archive:FILE:NAME:TAG");
  return *found;
}

Status read_docker(ArchiveImage& image, const DockerImage& described) {
  const Json& chosen = *described.json;
  auto config_name = plain_name(TRY_IN(json::get_string(chosen, "Config"), "manifest.json"));
  if (!config_name || config_name->empty())
    return Error::infrastructure("its manifest.json names no configuration");
  image.config_name = *config_name;
  const Json* layers = json::find(chosen, "Layers", Json::value_t::array);
  if (layers == nullptr) return Error::infrastructure("its manifest.json has no list Layers");
  if (layers->size() > most_layers)
    return Error::infrastructure(fmt::format("it has {} layers, more than {}", layers->size(), most_layers));
  for (const Json& layer : *layers) {
    auto name = layer.is_string() ? plain_name(layer.get<std::string>()) : std::nullopt;
    if (!name || image.find(*name) == nullptr)
      return Error::infrastructure(
          fmt::format("the layer {} is missing in the archive", text::printable(layer.dump())));
    image.layer_names.push_back(*name);
    Descriptor d;
    d.media_type = media::oci_layer;
    image.manifest.layers.push_back(std::move(d));
  }
  std::string config = TRY(image.config());
  image.manifest.config.media_type = media::oci_config;
  image.manifest.config.digest = Digest::of(config);
  image.manifest.config.size = config.size();
  // Both writers name the configuration by its digest ("<hex>.json", "blobs/sha256/<hex>"): then it must be
  // true.
  std::string base =
      config_name->substr(config_name->rfind('/') == std::string::npos ? 0 : config_name->rfind('/') + 1);
  if (base.ends_with(".json")) base.resize(base.size() - 5);
  if (text::is_hex(base, 64) && base != image.manifest.config.digest.hex())
    return Error::infrastructure(fmt::format("the configuration {} has the digest {}: the archive is damaged",
                                             *config_name, image.manifest.config.digest.str()));
  image.manifest_digest = image.manifest.config.digest;
  for (const std::string& tag : described.names) {
    auto name = Reference::parse_new_name(tag);
    if (name.ok()) image.names.push_back(name.value().full());
  }
  return {};
}

// A compressed archive, or one that comes through a pipe, is first copied plain into a file without a name.
Result<Fd> plain_copy(Fd file, int scratch) {
  ArchiveReader reader(archive_read_new());
  struct archive* a = reader.get();
  if (a == nullptr || archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
      archive_read_support_filter_zstd(a) != ARCHIVE_OK || archive_read_support_filter_xz(a) != ARCHIVE_OK ||
      archive_read_support_filter_bzip2(a) != ARCHIVE_OK || archive_read_support_format_raw(a) != ARCHIVE_OK)
    return Error::internal("libarchive lacks a filter");
  struct archive_entry* e = nullptr;
  if (archive_read_open_fd(a, file.get(), block) != ARCHIVE_OK ||
      archive_read_next_header(a, &e) != ARCHIVE_OK)
    return archive_error(a, "reading the archive");
  Fd copy;
  auto unnamed = sys::open_at(scratch, ".", O_TMPFILE | O_RDWR, 0600);
  if (unnamed.ok()) {
    copy = std::move(unnamed).value();
  } else {
    std::string name = fmt::format("archive-{}", sys::monotonic_ns());
    copy = TRY(sys::open_at(scratch, name, O_RDWR | O_CREAT | O_EXCL, 0600));
    if (unlinkat(scratch, name.c_str(), 0) != 0) return Error::system("unlinkat", name);
  }
  std::string buffer(block, '\0');
  for (;;) {
    la_ssize_t n = archive_read_data(a, buffer.data(), buffer.size());
    if (n < 0) return archive_error(a, "decompressing the archive: it is truncated or damaged");
    if (n == 0) return copy;
    CHECK_OK(sys::write_full(copy.get(), {buffer.data(), static_cast<size_t>(n)})
                 .in("decompressing the archive into the store"));
  }
}

Result<bool> is_plain_tar(int fd) {
  struct stat st {};
  if (fstat(fd, &st) != 0) return Error::system("fstat", "the archive");
  if (S_ISDIR(st.st_mode)) return Error::infrastructure("it is a directory, not an archive");
  if (!S_ISREG(st.st_mode)) return false;
  char head[512];
  ssize_t n = pread(fd, head, sizeof head, 0);
  if (n < 0) return Error::system("pread", "the archive");
  if (n < 512) return Error::infrastructure("the archive is truncated: it is shorter than one tar header");
  std::string_view h(head, sizeof head);
  return h.substr(257, 5) == "ustar" || (!h.starts_with("\x1f\x8b") && !h.starts_with("\x28\xb5\x2f\xfd") &&
                                         !h.starts_with("\xfd"
                                                        "7zXZ") &&
                                         !h.starts_with("BZh"));
}

Result<std::shared_ptr<TarFile>> open_archive(const Reference& reference, int scratch) {
  Fd file = TRY(sys::open(reference.path, O_RDONLY));
  if (!TRY(is_plain_tar(file.get()))) file = TRY(plain_copy(std::move(file), scratch));
  auto tar = std::make_shared<TarFile>();
  tar->fd = std::move(file);
  CHECK_OK(scan(*tar));
  bool is_oci = tar->members.count("oci-layout") != 0 && tar->members.count("index.json") != 0;
  bool is_docker = tar->members.count("manifest.json") != 0;
  if (reference.kind == Reference::Kind::oci_archive ? is_oci : is_docker) return tar;
  if (!is_oci && !is_docker)
    return Error::infrastructure(
        "this archive holds no image: neither oci-layout and index.json nor manifest.json is in it");
  return Error(Error::infrastructure("the archive is of the other kind"))
      .hint(fmt::format("name it {}:{}", is_oci ? "oci-archive" : "docker-archive", reference.path));
}

Result<Sources> images_of_archive(const Reference& reference, int scratch, bool all,
                                  const Platform& platform) {
  std::shared_ptr<TarFile> tar = TRY(open_archive(reference, scratch));
  Sources sources;
  auto add = [&]() -> ArchiveImage& {
    auto image = std::make_unique<ArchiveImage>(tar);
    image->shown = reference.text;
    image->platform = platform;
    ArchiveImage& added = *image;
    sources.push_back(std::move(image));
    return added;
  };
  ArchiveImage whole(tar);
  if (reference.kind == Reference::Kind::docker_archive) {
    const std::string text = TRY(whole.read("manifest.json"));
    const Json list = TRY_IN(json::parse(text), "manifest.json");
    std::vector<DockerImage> images = TRY(docker_images(list));
    if (!all || !reference.tag.empty()) images = {TRY(choose_docker(images, reference.tag, reference.text))};
    for (const DockerImage& image : images) CHECK_OK(read_docker(add(), image));
    return sources;
  }
  const std::string text = TRY(whole.read("index.json"));
  const Index index = TRY(parse_index(text, ""));
  std::vector<ChosenImage> images;
  if (all) {
    images = TRY(choose_all(index, reference.tag, reference.text, platform));
  } else {
    images.push_back({TRY(choose(index, reference.tag, reference.text, platform)), {}});
  }
  for (const ChosenImage& chosen : images) {
    ArchiveImage& image = add();
    CHECK_OK(follow(image, chosen, [&image](const Digest& d) { return image.open_blob(d); }));
  }
  return sources;
}

}  // namespace

struct OciArchive::Impl {
  std::shared_ptr<TarFile> tar;
  std::string shown;
  Index index;
};

OciArchive::OciArchive(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<OciArchive> OciArchive::open(Fd file, uint64_t begin, uint64_t size, const std::string& shown) {
  auto impl = std::make_shared<Impl>();
  impl->tar = std::make_shared<TarFile>();
  impl->shown = shown;
  impl->tar->fd = std::move(file);
  impl->tar->begin = static_cast<int64_t>(begin);
  impl->tar->end = static_cast<int64_t>(begin + size);
  CHECK_OK(scan(*impl->tar).in(shown));
  OciArchive archive(impl);
  for (const char* needed : {"oci-layout", "index.json"}) {
    if (impl->tar->members.count(needed) == 0)
      return Error::infrastructure(fmt::format("{}: there is no {} in it", shown, needed));
  }
  const std::string text = TRY_IN(ArchiveImage(impl->tar).read("index.json"), shown);
  impl->index = TRY_IN(parse_index(text, ""), shown);
  return archive;
}

const Index& OciArchive::index() const { return impl_->index; }

Result<std::unique_ptr<ByteSource>> OciArchive::blob(const Digest& digest) const {
  return ArchiveImage(impl_->tar).open_blob(digest).in(impl_->shown);
}

Result<std::unique_ptr<Source>> OciArchive::image(const Descriptor& manifest) const {
  auto image = std::make_unique<ArchiveImage>(impl_->tar);
  image->shown = impl_->shown;
  ArchiveImage& reading = *image;
  CHECK_OK(follow(*image, {manifest, {}}, [&reading](const Digest& d) {
             return reading.open_blob(d);
           }).in(impl_->shown));
  return std::unique_ptr<Source>(std::move(image));
}

Result<std::unique_ptr<Source>> archive_source(const Reference& reference, int scratch) {
  Sources sources =
      TRY_IN(images_of_archive(reference, scratch, /* all= */ false, Platform::own()), reference.text);
  return std::move(sources.front());
}

Result<Sources> archive_sources(const Reference& reference, int scratch, const Platform& platform) {
  return images_of_archive(reference, scratch, /* all= */ true, platform).in(reference.text);
}

}  // namespace testctr::image
