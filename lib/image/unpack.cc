#include "image/unpack.h"

#include <fcntl.h>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::image {
namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";

// Notes of the same kind are told once, with a count and the first name.
class Notes {
 public:
  void add(const std::string& kind, std::string_view name) {
    constexpr size_t longest = 256;
    if (name.size() > longest) name = name.substr(0, longest);
    if (kinds_.size() >= most_kinds && kinds_.count(kind) == 0) {
      ++others_;
      return;
    }
    auto [it, is_new] = kinds_.try_emplace(kind, 0, text::printable(name));
    ++it->second.first;
  }
  [[nodiscard]] std::vector<std::string> list() const {
    std::vector<std::string> all;
    for (const auto& [kind, what] : kinds_)
      all.push_back(what.first == 1 ? fmt::format("{}: {}", kind, what.second)
                                    : fmt::format("{}: {} and {} more", kind, what.second, what.first - 1));
    if (others_ > 0) all.push_back(fmt::format("and {} more notes of other kinds", others_));
    return all;
  }

 private:
  static constexpr size_t most_kinds = 32;
  uint64_t others_ = 0;
  std::map<std::string, std::pair<uint64_t, std::string>> kinds_;
};

class Extractor {
 public:
  Extractor(BlobStream& stream, const UnpackOptions& options)
      : stream_(stream),
        options_(options),
        tree_({.directory = options.directory,
               .lowers = options.lowers,
               .keep_owners = options.keep_owners,
               .most_made = options.most_entries,
               .most_copied = options.most_bytes}) {}

  Status run();
  Status finish() { return tree_.finish(); }
  void tell(UnpackedLayer& layer) const {
    layer.entries = entries_;
    layer.bytes = bytes_ + tree_.copied();
    layer.dependent = tree_.dependent();
    layer.root_opaque = tree_.root_opaque();
    if (auto root = tree_.root_attributes()) layer.root_mode = root->mode;
    layer.notes = notes_.list();
    if (tree_.repeated() > 0)
      layer.notes.push_back(
          fmt::format("{} names are given more than once; the last one counts", tree_.repeated()));
  }
  // Whether the failure may be the stream's: then the digests are looked at first.
  bool stream_failed = false;

 private:
  static la_ssize_t read_callback(struct archive* a, void* data, const void** buffer) {
    auto* self = static_cast<Extractor*>(data);
    auto bytes = self->stream_.next();
    if (!bytes.ok()) {
      archive_set_error(a, EIO, "%s", bytes.error().message().c_str());
      return -1;
    }
    *buffer = bytes.value().data();
    return static_cast<la_ssize_t>(bytes.value().size());
  }

  Status entry(struct archive* a, struct archive_entry* e);
  Status marker(std::vector<std::string> parts, std::string_view name);
  Status special(struct archive_entry* e, const LayerTree::Place& place, const Attributes& attributes);
  Status regular(struct archive* a, struct archive_entry* e, const LayerTree::Place& place,
                 const Attributes& attributes);
  Status symlink(struct archive_entry* e, const LayerTree::Place& place, const Attributes& attributes);
  Result<uint64_t> content(struct archive* a, int fd, uint64_t size);
  void extended(struct archive_entry* e, int parent, const std::string& name, std::string_view path);
  Attributes attributes(struct archive_entry* e, std::string_view name);

  BlobStream& stream_;
  const UnpackOptions& options_;
  LayerTree tree_;
  Notes notes_;
  uint64_t entries_ = 0, bytes_ = 0;
};

Status Extractor::run() {
  ArchiveReader reader(archive_read_new());
  struct archive* a = reader.get();
  // Names are bytes: in the C locale libarchive fails to convert what is not ASCII, warns, and keeps the
  // bytes.
  if (a == nullptr || archive_read_support_format_tar(a) != ARCHIVE_OK ||
      archive_read_support_format_empty(a) != ARCHIVE_OK)
    return Error::internal("libarchive cannot read tar");
  if (archive_read_open(a, this, nullptr, read_callback, nullptr) != ARCHIVE_OK) {
    stream_failed = true;
    return archive_error(a, "reading the layer");
  }
  for (;;) {
    struct archive_entry* e = nullptr;
    int r = archive_read_next_header(a, &e);
    if (r == ARCHIVE_EOF) break;
    // A name that is not in the locale's character set is a warning; its bytes are there all the same.
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
      stream_failed = true;
      return archive_error(a, "reading the layer");
    }
    if (++entries_ > options_.most_entries)
      return Error::infrastructure(
          fmt::format("it has more than {} entries: refused", options_.most_entries));
    const char* name = archive_entry_pathname(e);
    Status s = entry(a, e);
    if (!s.ok())
      return std::move(s).error().in(fmt::format("entry {}", text::quoted(name != nullptr ? name : "")));
  }
  return {};
}

Attributes Extractor::attributes(struct archive_entry* e, std::string_view name) {
  Attributes at;
  at.mode = archive_entry_perm(e) & 07777U;
  at.uid = archive_entry_uid(e);
  at.gid = archive_entry_gid(e);
  constexpr int64_t largest_id = 0xfffffffe;
  if (options_.keep_owners && (at.uid < 0 || at.gid < 0 || at.uid > largest_id || at.gid > largest_id)) {
    notes_.add("an owner that no system has became root", name);
    at.uid = at.gid = 0;
  }
  at.seconds = archive_entry_mtime(e);
  at.nanoseconds = std::clamp<long>(archive_entry_mtime_nsec(e), 0, 999999999);
  return at;
}

void Extractor::extended(struct archive_entry* e, int parent, const std::string& name,
                         std::string_view path) {
  if (archive_entry_xattr_reset(e) == 0) return;
  const char* key = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(e, &key, &value, &size) == ARCHIVE_OK) {
    if (key == nullptr) continue;
    ExtendedAttribute attribute{key, {static_cast<const char*>(value), size}};
    if (LayerTree::set_attribute(parent, name, attribute)) continue;
    bool steering = attribute.name.starts_with("user.overlay.") || attribute.name.starts_with("trusted.");
    // The attribute's name is the layer's choice: in the kind, every one would be a note of its own.
    std::string_view shown(key);
    notes_.add(steering ? "attribute dropped" : "attribute could not be set",
               fmt::format("{} of {}", shown.substr(0, 64), path));
  }
}

// ".wh." names (image-spec, layer.md "Whiteouts").
Status Extractor::marker(std::vector<std::string> parts, std::string_view name) {
  if (name == opaque_name) {
    parts.pop_back();
    return tree_.opaque(parts);
  }
  if (name.starts_with(".wh..wh.")) {
    // Left behind by aufs; every reader passes over them.
    notes_.add("aufs bookkeeping passed over", name);
    return {};
  }
  std::string_view hidden = name.substr(whiteout_prefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..")
    return Error::infrastructure("it is a whiteout of no name");
  parts.back() = std::string(hidden);
  return tree_.whiteout(parts);
}

Status Extractor::entry(struct archive* a, struct archive_entry* e) {
  const char* name = archive_entry_pathname(e);
  if (name == nullptr) return Error::infrastructure("it has no name");
  std::vector<std::string> parts = TRY(LayerTree::components(name));
  const char* link = archive_entry_hardlink(e);
  auto type = archive_entry_filetype(e);
  for (size_t i = 0; i + 1 < parts.size(); ++i)
    if (parts[i].starts_with(whiteout_prefix))
      return Error::infrastructure("it lies in a directory whose name is a whiteout's");
  if (!parts.empty() && parts.back().starts_with(whiteout_prefix))
    return marker(parts, std::string(parts.back()));
  Attributes at = attributes(e, name);
  if (link == nullptr && type == AE_IFDIR) {
    std::string path = TRY(tree_.directory(parts, at));
    if (archive_entry_xattr_count(e) > 0) extended(e, options_.directory, path, name);
    return {};
  }
  if (parts.empty()) return Error::infrastructure("it is the root, but not a directory");
  if (link != nullptr) {
    std::vector<std::string> target = TRY_IN(
        LayerTree::components(link), fmt::format("the target {} of the hard link", text::quoted(link)));
    return tree_.hard_link(parts, target);
  }
  LayerTree::Place place = TRY(tree_.place(parts));
  if (type == AE_IFREG) return regular(a, e, place, at);
  (void)TRY(tree_.clear(place));
  if (type == AE_IFLNK) return symlink(e, place, at);
  return special(e, place, at);
}

Status Extractor::symlink(struct archive_entry* e, const LayerTree::Place& place, const Attributes& at) {
  const char* target = archive_entry_symlink(e);
  if (target == nullptr || *target == '\0')
    return Error::infrastructure("it is a symbolic link without a target");
  if (symlinkat(target, place.parent, place.name.c_str()) != 0)
    return Error::system("symlinkat", place.path());
  CHECK_OK(tree_.set_owner(place, -1, at));
  extended(e, place.parent, place.name, place.path());
  return LayerTree::set_attributes(place, -1, at, true);
}

Status Extractor::special(struct archive_entry* e, const LayerTree::Place& place, const Attributes& at) {
  auto type = archive_entry_filetype(e);
  if (type == AE_IFIFO) {
    if (mkfifoat(place.parent, place.name.c_str(), 0600) != 0) return Error::system("mkfifoat", place.path());
    CHECK_OK(tree_.set_owner(place, -1, at));
    return LayerTree::set_attributes(place, -1, at, false);
  }
  if (type != AE_IFCHR && type != AE_IFBLK && type != AE_IFSOCK)
    return Error::infrastructure("it is of an unknown type");
  // The name is there and hides what is below, but a node of a layer's choosing is never made on this
  // machine.
  Fd fd = TRY(sys::open_at(place.parent, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  notes_.add("device node made an empty file", place.path());
  CHECK_OK(tree_.set_owner(place, fd.get(), at));
  return LayerTree::set_attributes(place, fd.get(), at, false);
}

Result<uint64_t> Extractor::content(struct archive* a, int fd, uint64_t size) {
  uint64_t end = 0;
  for (;;) {
    const void* data = nullptr;
    size_t length = 0;
    la_int64_t offset = 0;
    int r = archive_read_data_block(a, &data, &length, &offset);
    if (r == ARCHIVE_EOF) return end;
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
      stream_failed = true;
      return archive_error(a, "reading its content");
    }
    if (offset < 0 || static_cast<uint64_t>(offset) > size || length > size - static_cast<uint64_t>(offset))
      return Error::infrastructure("its content is longer than its size");
    bytes_ += length;
    if (bytes_ + tree_.copied() > options_.most_bytes)
      return Error::infrastructure(
          fmt::format("the layer holds more than {}: refused", text::human_size(options_.most_bytes)));
    const char* from = static_cast<const char*>(data);
    while (length > 0) {
      ssize_t n = pwrite(fd, from, length, offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("write", fmt::format("{} bytes", length));
      from += n;
      offset += n;
      length -= static_cast<size_t>(n);
    }
    end = std::max(end, static_cast<uint64_t>(offset));
  }
}

Status Extractor::regular(struct archive* a, struct archive_entry* e, const LayerTree::Place& place,
                          const Attributes& at) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(openat(place.parent, place.name.c_str(), flags, 0600));
  if (!fd.valid() && errno == EEXIST) {
    (void)TRY(tree_.clear(place));
    fd = Fd(openat(place.parent, place.name.c_str(), flags, 0600));
  }
  if (!fd.valid()) return Error::system("openat", place.path());
  la_int64_t size = archive_entry_size(e);
  if (size < 0) return Error::infrastructure("its size is negative");
  if (static_cast<uint64_t>(size) > LayerTree::longest_file)
    return Error::infrastructure(fmt::format("it is {} long, more than {} is refused",
                                             text::human_size(static_cast<uint64_t>(size)),
                                             text::human_size(LayerTree::longest_file)));
  if (size > 0) {
    uint64_t end = TRY(content(a, fd.get(), static_cast<uint64_t>(size)));
    if (end < static_cast<uint64_t>(size) && ftruncate(fd.get(), size) != 0)
      return Error::system("ftruncate", fmt::format("{}", size));
  }
  CHECK_OK(tree_.set_owner(place, fd.get(), at));
  if (archive_entry_xattr_count(e) > 0) extended(e, place.parent, place.name, place.path());
  return LayerTree::set_attributes(place, fd.get(), at, false);
}

}  // namespace

Result<UnpackedLayer> unpack_layer(std::unique_ptr<ByteSource> source, const BlobClaim& claim,
                                   const UnpackOptions& options, int copy) {
  std::unique_ptr<BlobStream> stream = TRY(BlobStream::start(std::move(source), claim, copy));
  Extractor extractor(*stream, options);
  Status s = extractor.run();
  UnpackedLayer layer;
  if (!s.ok() && !extractor.stream_failed) return std::move(s).error().in(claim.name);
  // A damaged stream is told by its digest if that is wrong, and by what the reader stumbled over if the
  // image was made so.
  layer.facts = TRY(stream->finish());
  if (!s.ok()) return std::move(s).error().in(claim.name);
  CHECK_OK(extractor.finish().in(claim.name));
  extractor.tell(layer);
  return layer;
}

}  // namespace testctr::image
