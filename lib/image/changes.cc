#include "image/changes.h"

#include <fcntl.h>
#include <sys/file.h>

#include <map>

#include "base/sys.h"
#include "base/text.h"
#include "image/archive.h"
#include "image/overlay_marks.h"
#include "image/store.h"
#include "image/tar_out.h"
#include "image/tree.h"
#include "image/unpack.h"

namespace testctr::image {
namespace {

bool is_kept(std::string_view name) {
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

/// Times from `since` on become `clock`.
struct Clock {
  int64_t since = INT64_MAX, clock = 0;
};

class ChangesWriter {
 public:
  ChangesWriter(TarOut& out, const struct stat& root, const std::set<std::string>& without, Clock clock = {})
      : out_(out), root_(root), without_(without), clock_(clock) {}

  Status write(int upper) {
    return walk_tree(upper, without_, [&](const TreeEntry& found) { return entry(found); });
  }

 private:
  Status entry(const TreeEntry& found) {
    const struct stat& st = found.st;
    if (is_whiteout(st)) {
      const size_t slash = found.path.rfind('/');
      const std::string folder = slash == std::string::npos ? "" : found.path.substr(0, slash + 1);
      return out_.member({.path = folder + ".wh." + found.name, .mode = S_IFREG | 0644});
    }
    if (!can_be_packed(st.st_mode)) return {};
    ArchiveEntry made = new_entry();
    describe(made.get(), found.path, st);
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
      const auto [first, is_first] = links_.try_emplace({st.st_dev, st.st_ino}, found.path);
      if (!is_first) {
        archive_entry_copy_hardlink(made.get(), first->second.c_str());
        return out_.header(made.get(), found.path);
      }
    }
    if (S_ISREG(st.st_mode)) return file(made.get(), found);
    if (S_ISDIR(st.st_mode)) return folder(made.get(), found);
    if (S_ISLNK(st.st_mode)) {
      const std::string target = TRY(sys::read_link_at(found.parent, found.name));
      archive_entry_copy_symlink(made.get(), target.c_str());
    }
    return out_.header(made.get(), found.path);
  }

  void describe(struct archive_entry* made, const std::string& path, const struct stat& st) const {
    archive_entry_copy_pathname(made, path.c_str());
    archive_entry_set_mode(made, st.st_mode);
    // As the container sees them: an image's layers have the owners of the image.
    archive_entry_set_uid(made, st.st_uid >= root_.st_uid ? st.st_uid - root_.st_uid : 0);
    archive_entry_set_gid(made, st.st_gid >= root_.st_gid ? st.st_gid - root_.st_gid : 0);
    if (st.st_mtim.tv_sec >= clock_.since) {
      archive_entry_set_mtime(made, clock_.clock, 0);
    } else {
      archive_entry_set_mtime(made, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
  }

  Status file(struct archive_entry* made, const TreeEntry& found) {
    const Fd fd =
        TRY_IN(sys::open_at(found.parent, found.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), found.path);
    const auto size = static_cast<uint64_t>(found.st.st_size);
    archive_entry_set_size(made, found.st.st_size);
    add_attributes(made, fd.get(), is_kept);
    CHECK_OK(out_.header(made, found.path));
    return out_.file(fd.get(), size, found.path);
  }

  Status folder(struct archive_entry* made, const TreeEntry& found) {
    const Fd fd =
        TRY_IN(sys::open_at(found.parent, found.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), found.path);
    add_attributes(made, fd.get(), is_kept);
    CHECK_OK(out_.header(made, found.path));
    if (!is_opaque(fd.get())) return {};
    return out_.member({.path = found.path + "/.wh..wh..opq", .mode = S_IFREG | 0644});
  }

  TarOut& out_;
  const struct stat& root_;
  const std::set<std::string>& without_;
  Clock clock_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

ChangesLayer::~ChangesLayer() {
  if (!directory_.empty()) (void)sys::remove_tree(directory_);
}

Result<ChangesLayer> layer_of_changes(Store& store, int upper, const std::set<std::string>& without,
                                      const std::vector<std::string>& below, int64_t since) {
  const Fd root = TRY(sys::open_at(upper, ".", O_RDONLY | O_DIRECTORY));
  struct stat st {};
  if (fstat(root.get(), &st) != 0) return Error::system("fstat", "the container's changes");
  // Beside the layers: it may be as large as they are.
  Fd file = TRY(sys::unnamed_file(store.home()));
  auto tar = TRY(TarOut::open(file.get()));
  CHECK_OK(ChangesWriter(*tar, st, without).write(root.get()));
  CHECK_OK(tar->close());
  if (lseek(file.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "the container's changes");

  Fd hold = TRY(store.impl().hold(LOCK_SH));
  ChangesLayer made(fmt::format("{}/tmp/changes-{}-{}", store.home(), ::getpid(), sys::monotonic_ns()),
                    std::move(hold), since);
  CHECK_OK(sys::make_dirs(made.directory(), 0700));
  const Fd directory = TRY(sys::open(made.directory(), O_RDONLY | O_DIRECTORY));
  UnpackOptions options;
  options.directory = directory.get();
  options.keep_owners = store.keeps_owners();
  std::vector<Fd> lowers;
  for (auto layer = below.rbegin(); layer != below.rend(); ++layer) {
    lowers.push_back(TRY(sys::open(*layer, O_PATH | O_DIRECTORY)));
    options.lowers.push_back(lowers.back().get());
  }
  BlobClaim claim;
  claim.name = "what was set up";
  (void)TRY(unpack_layer(file_source(std::move(file)), claim, options));
  return made;
}

Status write_changes(BlockSink sink, const ChangesLayer& layer, int64_t clock) {
  const Fd root = TRY(sys::open(layer.directory(), O_RDONLY | O_DIRECTORY));
  struct stat st {};
  if (fstat(root.get(), &st) != 0) return Error::system("fstat", layer.directory());
  auto tar = TRY(TarOut::open(std::move(sink)));
  CHECK_OK(ChangesWriter(*tar, st, {}, {layer.since(), clock}).write(root.get()));
  return tar->close();
}

}  // namespace testctr::image
