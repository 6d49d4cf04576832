#include "engine/merged_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/entry_copy.h"

namespace testctr::engine {
namespace {

constexpr size_t deepest = 256;  // as layers are unpacked

bool is_opaque(int directory) {
  char value[2];
  return fgetxattr(directory, "user.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

class Merger : public sandbox::EntryCopy {
 public:
  explicit Merger(int top) : EntryCopy(top, /* marks= */ false) {}

  Status layer(const std::string& path) {
    forget_links();
    Fd from = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
    return directory(from.get(), top(), "", 0);
  }
  [[nodiscard]] bool lost_owners() const { return lost_owners_; }

 private:
  Status directory(int from, int to, const std::string& where, size_t depth) {
    if (depth > deepest) return Error::infrastructure(fmt::format("{} lies too deep", text::quoted(where)));
    for (const std::string& name : TRY(sys::list_dir(from))) {
      const std::string path = where.empty() ? name : where + "/" + name;
      CHECK_OK(entry(from, to, name, path, depth));
    }
    return {};
  }

  Status entry(int from, int to, const std::string& name, const std::string& path, size_t depth) {
    const auto found = TRY(sys::stat_at(from, name));
    if (!found)
      return Error::infrastructure(fmt::format("{} went away while it was copied", text::quoted(path)));
    if (S_ISDIR(found->st_mode)) return folder(from, to, name, path, depth);
    CHECK_OK(sys::remove_tree_at(to, name));
    // A whiteout is none of what can be copied; layers hold no other devices, and no sockets.
    (void)TRY(copy(from, to, name, path, *found));
    return {};
  }

  Status folder(int from, int to, const std::string& name, const std::string& path, size_t depth) {
    Fd below = TRY(sys::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).in(path));
    const auto there = TRY(sys::stat_at(to, name));
    if (there && (!S_ISDIR(there->st_mode) || is_opaque(below.get())))
      CHECK_OK(sys::remove_tree_at(to, name));
    CHECK_OK(sys::make_dir_at(to, name, 0700));
    Fd made = TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).in(path));
    CHECK_OK(directory(below.get(), made.get(), path, depth + 1));
    return finish(below.get(), made.get(), path);
  }

  Status own(int to, const std::string& name, const struct stat& st) override {
    if (fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0) return {};
    if (errno != EPERM && errno != EINVAL) return Error::system("fchownat", name);
    lost_owners_ = true;
    return {};
  }

  bool lost_owners_ = false;
};

}  // namespace

Status copy_merged(const std::vector<std::string>& layers, std::optional<mode_t> mode, int to,
                   std::vector<std::string>& notes) {
  Merger merger(to);
  struct stat top {};
  for (const std::string& layer : layers) {
    CHECK_OK(merger.layer(layer).in("copying the image"));
    if (stat(layer.c_str(), &top) != 0) return Error::system("stat", layer);
  }
  if (fchmod(to, mode.value_or(top.st_mode) & 07777) != 0)
    return Error::system("fchmod", "the root directory");
  if (merger.lost_owners())
    notes.emplace_back("files of the image belong to root, since owners cannot be set here (no CAP_CHOWN)");
  return {};
}

}  // namespace testctr::engine
