#include "image/layer.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/archive.h"
#include "image/layout_writer.h"
#include "image/load.h"

namespace testctr::image {
namespace {

constexpr size_t block = size_t{256} * 1024;

class LayerWriter {
 public:
  LayerWriter(int out, int64_t epoch, bool hashed) : out_(out), epoch_(epoch) { out_.hashing = hashed; }
  Result<WrittenLayer> write(const LayerContent& content);

 private:
  ArchiveEntry entry(const std::string& path, mode_t type, mode_t permissions, int64_t seconds) const;
  Status header(struct archive_entry* e, const std::string& path);
  Status directory(const std::string& path, mode_t permissions, int64_t seconds);
  Status file(const std::string& path, mode_t permissions, std::string_view bytes);
  Status file(const std::string& path, const struct stat& st, mode_t permissions, int parent,
              const std::string& name, bool longer = false);
  Status program(const std::string& path, uint64_t size);
  Status tree(const Tree& tree, const std::string& prefix);
  Status tree_entry(const TreeEntry& entry, const std::string& prefix);
  Status copy(const LayerCopy& copy);
  static void attributes(struct archive_entry* e, int file);

  HashedOutput out_;
  int64_t epoch_;
  ArchiveWriter writer_;
  std::string buffer_ = std::string(block, '\0');
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

ArchiveEntry LayerWriter::entry(const std::string& path, mode_t type, mode_t permissions,
                                int64_t seconds) const {
  ArchiveEntry e = new_entry();
  archive_entry_copy_pathname(e.get(), path.c_str());
  archive_entry_set_filetype(e.get(), type);
  archive_entry_set_perm(e.get(), permissions & 07777U);
  archive_entry_set_mtime(e.get(), std::clamp<int64_t>(seconds, 0, epoch_), 0);
  archive_entry_set_uid(e.get(), 0);
  archive_entry_set_gid(e.get(), 0);
  return e;
}

Status LayerWriter::header(struct archive_entry* e, const std::string& path) {
  // A warning is a name outside the locale's character set: it is written as it is.
  if (archive_write_header(writer_.get(), e) >= ARCHIVE_WARN) return {};
  if (!out_.error.ok()) return out_.error.error();
  return archive_error(writer_.get(), fmt::format("writing {}", text::quoted(path)));
}

Status LayerWriter::directory(const std::string& path, mode_t permissions, int64_t seconds) {
  ArchiveEntry e = entry(path + "/", AE_IFDIR, permissions, seconds);
  return header(e.get(), path);
}

Status LayerWriter::file(const std::string& path, mode_t permissions, std::string_view bytes) {
  ArchiveEntry e = entry(path, AE_IFREG, permissions, 0);
  archive_entry_set_size(e.get(), static_cast<la_int64_t>(bytes.size()));
  CHECK_OK(header(e.get(), path));
  if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()))
    return {};
  if (!out_.error.ok()) return out_.error.error();
  return archive_error(writer_.get(), fmt::format("writing {}", text::quoted(path)));
}

void LayerWriter::attributes(struct archive_entry* e, int file) {
  ssize_t size = flistxattr(file, nullptr, 0);
  if (size <= 0) return;
  std::string names(static_cast<size_t>(size), '\0');
  size = flistxattr(file, names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<size_t>(size));
  std::vector<std::string> list = text::split(names, '\0');
  std::sort(list.begin(), list.end());
  std::string value(size_t{64} * 1024, '\0');
  for (const std::string& key : list) {
    if (!key.starts_with("user.") || key.starts_with("user.overlay.")) continue;
    ssize_t n = fgetxattr(file, key.c_str(), value.data(), value.size());
    if (n >= 0) archive_entry_xattr_add_entry(e, key.c_str(), value.data(), static_cast<size_t>(n));
  }
}

Status LayerWriter::file(const std::string& path, const struct stat& st, mode_t permissions, int parent,
                         const std::string& name, bool longer) {
  Fd fd = TRY_IN(sys::open_at(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), path);
  ArchiveEntry e = entry(path, AE_IFREG, permissions, st.st_mtim.tv_sec);
  archive_entry_set_size(e.get(), st.st_size);
  attributes(e.get(), fd.get());
  CHECK_OK(header(e.get(), path));
  int64_t rest = st.st_size;
  for (;;) {
    // One byte more than there is to be shows a file that grows.
    const auto most = static_cast<uint64_t>(rest) + (longer ? 0 : 1);
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), most));
    size_t n = TRY_IN(sys::read_full(fd.get(), buffer_.data(), wanted), path);
    if (n == 0 && rest == 0) return {};
    if (n == 0 || static_cast<int64_t>(n) > rest)
      return Error::infrastructure(fmt::format("{} changed while it was packed", text::quoted(path)));
    rest -= static_cast<int64_t>(n);
    if (archive_write_data(writer_.get(), buffer_.data(), n) != static_cast<la_ssize_t>(n)) {
      if (!out_.error.ok()) return out_.error.error();
      return archive_error(writer_.get(), fmt::format("writing {}", text::quoted(path)));
    }
    if (n < wanted && rest == 0) return {};
  }
}

Status LayerWriter::tree_entry(const TreeEntry& found, const std::string& prefix) {
  std::string path = prefix + "/" + found.path;
  const struct stat& st = found.st;
  int64_t seconds = st.st_mtim.tv_sec;
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    auto [it, is_first] = links_.try_emplace({st.st_dev, st.st_ino}, path);
    if (!is_first) {
      ArchiveEntry e = entry(path, S_ISLNK(st.st_mode) ? AE_IFLNK : AE_IFREG, st.st_mode, seconds);
      archive_entry_copy_hardlink(e.get(), it->second.c_str());
      return header(e.get(), path);
    }
  }
  if (S_ISREG(st.st_mode)) return file(path, st, st.st_mode, found.parent, found.name);
  ArchiveEntry e = entry(S_ISDIR(st.st_mode) ? path + "/" : path, st.st_mode & S_IFMT, st.st_mode, seconds);
  if (S_ISLNK(st.st_mode))
    archive_entry_copy_symlink(e.get(), TRY(sys::read_link_at(found.parent, found.name)).c_str());
  if (S_ISDIR(st.st_mode)) {
    Fd folder = TRY_IN(sys::open_at(found.parent, found.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
    attributes(e.get(), folder.get());
  }
  return header(e.get(), path);
}

Status LayerWriter::tree(const Tree& tree, const std::string& prefix) {
  Fd root = TRY(sys::open(tree.root, O_RDONLY | O_DIRECTORY));
  struct stat st {};
  if (fstat(root.get(), &st) != 0) return Error::system("fstat", tree.root);
  CHECK_OK(directory(prefix, st.st_mode, st.st_mtim.tv_sec));
  std::set<std::string> hidden(tree.hidden.begin(), tree.hidden.end());
  return walk_tree(root.get(), hidden, [&](const TreeEntry& e) { return tree_entry(e, prefix); });
}

Status LayerWriter::program(const std::string& path, uint64_t size) {
  CHECK_OK(directory("testctr/bin", 0755, 0));
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return Error::system("stat", path);
  st.st_mtim.tv_sec = 0;
  if (size != 0) st.st_size = static_cast<off_t>(size);
  // A path may be a link (/proc/self/exe); what it leads to is packed.
  std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  if (!real) return Error::system("realpath", path);
  return file("testctr/bin/testctr-script", st, 0755, AT_FDCWD, real.get(), /*longer=*/size != 0);
}

Status LayerWriter::copy(const LayerCopy& copy) {
  const std::string name = "testctr/" + copy.name;
  if (copy.tree) return tree(*copy.tree, name);
  struct stat st {};
  if (::stat(copy.file.c_str(), &st) != 0) return Error::system("stat", copy.file);
  return file(name, st, st.st_mode, AT_FDCWD, copy.file);
}

// Where they are not, a header in front of each says that names are bytes, which takes as much room as a
// small file.
bool has_plain_names(const LayerContent& content) {
  const auto plain = [](const std::optional<Tree>& tree) { return !tree || tree->plain_names; };
  const bool script = std::all_of(content.script_name.begin(), content.script_name.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return script && plain(content.tree) &&
         std::all_of(content.copies.begin(), content.copies.end(),
                     [&](const LayerCopy& copy) { return plain(copy.tree); });
}

Result<WrittenLayer> LayerWriter::write(const LayerContent& content) {
  writer_ = TRY(tar_writer(out_, has_plain_names(content)));
  CHECK_OK(directory("testctr", 0755, 0));
  if (!content.program.empty()) CHECK_OK(program(content.program, content.program_size));
  if (!content.script_name.empty()) {
    if (content.script_name.find('/') != std::string::npos)
      return Error::internal("a script's name in a layer has no folders");
    CHECK_OK(directory("testctr/script", 0755, 0));
    CHECK_OK(file("testctr/script/" + content.script_name, 0644, content.script));
  }
  for (const auto& [name, bytes] : content.files) CHECK_OK(file("testctr/" + name, 0644, bytes));
  if (content.tree) CHECK_OK(tree(*content.tree, "testctr/tree"));
  for (const std::string& folder : content.folders) CHECK_OK(directory("testctr/" + folder, 0755, 0));
  for (const LayerCopy& one : content.copies) CHECK_OK(copy(one));
  if (archive_write_close(writer_.get()) != ARCHIVE_OK) {
    if (!out_.error.ok()) return out_.error.error();
    return archive_error(writer_.get(), "writing the layer");
  }
  return WrittenLayer{out_.hashing ? out_.hash.finish() : Digest(), out_.size};
}

// A lone layer file as an image of one layer.
class LayerFile final : public Source {
 public:
  LayerFile(std::string path, Digest diff_id) : path_(std::move(path)), diff_id_(std::move(diff_id)) {
    shown = path_;
    manifest_digest = diff_id_;
    Descriptor d;
    d.media_type = media::oci_layer;
    manifest.layers.push_back(std::move(d));
  }
  Result<std::string> config() override {
    Json json = {{"os", "linux"},
                 {"architecture", own_architecture()},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", {diff_id_.str()}}}}};
    return json::dump(json);
  }
  Result<std::unique_ptr<ByteSource>> layer(size_t) override {
    return file_source(TRY(sys::open(path_, O_RDONLY)));
  }

 private:
  std::string path_;
  Digest diff_id_;
};

Result<Digest> digest_of_layer(const std::string& path) {
  BlobClaim claim;
  claim.name = path;
  auto stream = TRY(BlobStream::start(file_source(TRY(sys::open(path, O_RDONLY))), claim));
  return TRY(stream->finish()).diff_id;
}

Result<OpenedLayer> describe(const Store::Impl& store, Loaded loaded, const std::string& path) {
  OpenedLayer opened;
  opened.directory = store.layer_directory(loaded.record.layers.front());
  opened.diff_id = loaded.record.manifest;
  opened.lock = std::move(loaded.lock);
  Fd directory = TRY(sys::open(opened.directory, O_RDONLY | O_DIRECTORY));
  auto inside = sys::open_in_root(directory.get(), "testctr", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!inside.ok())
    return Error(Error::infrastructure(
        fmt::format("{} is no layer that `testctr-script layer` wrote: it has no folder testctr", path)));
  struct stat st {};
  if (fstatat(inside.value().get(), "tree", &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISDIR(st.st_mode))
      return Error::infrastructure(fmt::format("{}: testctr/tree is not a folder", path));
    opened.tree = opened.directory + "/testctr/tree";
  }
  auto scripts = sys::open_at(inside.value().get(), "script", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!scripts.ok()) return opened;
  std::vector<std::string> names = TRY(sys::list_dir(scripts.value().get()));
  if (names.size() != 1)
    return Error::infrastructure(fmt::format("{} holds {} scripts, not one", path, names.size()));
  if (fstatat(scripts.value().get(), names[0].c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
    return Error::infrastructure(fmt::format("{}: its script is not a file", path));
  opened.script = opened.directory + "/testctr/script/" + names[0];
  return opened;
}

}  // namespace

Result<WrittenLayer> write_layer(int out, const LayerContent& content, bool hashed) {
  int64_t epoch = TRY(source_date_epoch(0));
  return LayerWriter(out, epoch, hashed).write(content);
}

Result<OpenedLayer> open_layer(Store& store, const std::string& path) {
  Store::Impl& impl = store.impl();
  Digest diff_id = TRY_IN(digest_of_layer(path), "reading the layer");
  if (auto ready = TRY(impl.ready(diff_id)))
    return describe(impl, Loaded{std::move(ready->first), std::move(ready->second), Fd()}, path);
  LayerFile source(path, diff_id);
  return describe(impl, TRY(load_image(impl, source, /* keep_blobs= */ false)), path);
}

}  // namespace testctr::image
