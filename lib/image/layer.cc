#include "image/layer.h"

#include <fcntl.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/layout_writer.h"
#include "image/load.h"
#include "image/tar_out.h"

namespace testctr::image {
namespace {

class LayerWriter {
 public:
  LayerWriter(TarOut& out, int64_t epoch) : out_(out), epoch_(epoch) {}
  Result<WrittenLayer> write(const LayerContent& content);

 private:
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] int64_t clamped(int64_t seconds) const;
  Status directory(const std::string& path, mode_t permissions, int64_t seconds);
  Status file(const std::string& path, mode_t permissions, std::string_view bytes);
  Status file(const std::string& path, const struct stat& st, mode_t permissions, int parent,
              const std::string& name, bool longer = false);
  Status program(const std::string& path, uint64_t size, mode_t folder);
  Status tree(const Tree& tree, const std::string& prefix);
  Status tree_entry(const TreeEntry& entry, const std::string& prefix);
  Status copy(const LayerCopy& copy);
  static Attributes attributes(int file);

  TarOut& out_;
  int64_t epoch_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

int64_t LayerWriter::clamped(int64_t seconds) const { return std::clamp<int64_t>(seconds, 0, epoch_); }

Status LayerWriter::directory(const std::string& path, mode_t permissions, int64_t seconds) {
  return out_.member({.path = path, .mode = S_IFDIR | (permissions & 07777U), .seconds = clamped(seconds)});
}

Status LayerWriter::file(const std::string& path, mode_t permissions, std::string_view bytes) {
  CHECK_OK(out_.member({.path = path, .mode = S_IFREG | permissions, .size = bytes.size()}));
  return out_.bytes(bytes, path);
}

LayerWriter::Attributes LayerWriter::attributes(int file) {
  return attributes_of(file, [](std::string_view key) {
    return key.starts_with("user.") && !key.starts_with("user.overlay.");
  });
}

Status LayerWriter::file(const std::string& path, const struct stat& st, mode_t permissions, int parent,
                         const std::string& name, bool longer) {
  Fd fd = TRY_IN(sys::open_at(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), path);
  const auto size = static_cast<uint64_t>(st.st_size);
  CHECK_OK(out_.member({.path = path,
                        .mode = S_IFREG | (permissions & 07777U),
                        .seconds = clamped(st.st_mtim.tv_sec),
                        .size = size,
                        .attributes = attributes(fd.get())}));
  return out_.file(fd.get(), size, path, longer);
}

Status LayerWriter::tree_entry(const TreeEntry& found, const std::string& prefix) {
  std::string path = prefix + "/" + found.path;
  const struct stat& st = found.st;
  TarMember member{.path = path, .mode = st.st_mode, .seconds = clamped(st.st_mtim.tv_sec)};
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    auto [it, is_first] = links_.try_emplace({st.st_dev, st.st_ino}, path);
    if (!is_first) {
      member.hardlink = it->second;
      return out_.member(member);
    }
  }
  if (S_ISREG(st.st_mode)) return file(path, st, st.st_mode, found.parent, found.name);
  if (S_ISLNK(st.st_mode)) member.symlink = TRY(sys::read_link_at(found.parent, found.name));
  if (S_ISDIR(st.st_mode)) {
    Fd folder = TRY_IN(sys::open_at(found.parent, found.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
    member.attributes = attributes(folder.get());
  }
  return out_.member(member);
}

Status LayerWriter::tree(const Tree& tree, const std::string& prefix) {
  Fd root = TRY(sys::open(tree.root, O_RDONLY | O_DIRECTORY));
  struct stat st {};
  if (fstat(root.get(), &st) != 0) return Error::system("fstat", tree.root);
  CHECK_OK(directory(prefix, st.st_mode, st.st_mtim.tv_sec));
  std::set<std::string> hidden(tree.hidden.begin(), tree.hidden.end());
  return walk_tree(root.get(), hidden, [&](const TreeEntry& e) -> Status {
    return can_be_packed(e.st.st_mode) ? tree_entry(e, prefix) : Status();
  });
}

Status LayerWriter::program(const std::string& path, uint64_t size, mode_t folder) {
  CHECK_OK(directory("testctr/bin", folder, 0));
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

Result<WrittenLayer> LayerWriter::write(const LayerContent& content) {
  CHECK_OK(directory("testctr", 0755, 0));
  const mode_t open = content.open_folders ? 01777 : 0755;
  if (!content.program.empty()) CHECK_OK(program(content.program, content.program_size, open));
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
  if (content.open_folders) {
    CHECK_OK(directory("testctr/run", open, 0));
    CHECK_OK(directory("work", open, 0));
  }
  CHECK_OK(out_.close());
  return WrittenLayer{out_.digest(), out_.size()};
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

Result<WrittenLayer> write_layer(int out, const LayerContent& content) {
  int64_t epoch = TRY(source_date_epoch(0));
  auto tar = TRY(TarOut::open(out));
  return LayerWriter(*tar, epoch).write(content);
}

Status write_layer(BlockSink sink, const LayerContent& content) {
  int64_t epoch = TRY(source_date_epoch(0));
  auto tar = TRY(TarOut::open(std::move(sink)));
  (void)TRY(LayerWriter(*tar, epoch).write(content));
  return {};
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
