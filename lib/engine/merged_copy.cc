#include "engine/merged_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::engine {
namespace {

constexpr size_t deepest = 256;  // as layers are unpacked

// Of directories and files; overlayfs's own marks mean nothing in a copy.
void copy_attributes(int from, int to) {
  if (flistxattr(from, nullptr, 0) <= 0) return;
  std::string names(size_t{64} << 10, '\0'), value(size_t{64} << 10, '\0');
  const ssize_t size = flistxattr(from, names.data(), names.size());
  if (size <= 0) return;
  for (const std::string& name :
       text::split(std::string_view(names).substr(0, static_cast<size_t>(size)), '\0')) {
    if (!name.starts_with("user.") || name.starts_with("user.overlay.")) continue;
    const ssize_t n = fgetxattr(from, name.c_str(), value.data(), value.size());
    if (n >= 0) (void)fsetxattr(to, name.c_str(), value.data(), static_cast<size_t>(n), 0);
  }
}

bool is_opaque(int directory) {
  char value[2];
  return fgetxattr(directory, "user.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

class Merger {
 public:
  explicit Merger(int top) : top_(top) {}

  Status layer(const std::string& path) {
    linked_.clear();
    Fd from = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
    return directory(from.get(), top_, "", 0);
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
    const struct stat& st = *found;
    if (S_ISDIR(st.st_mode)) return folder(from, to, name, path, depth, st);
    CHECK_OK(sys::remove_tree_at(to, name));
    if (S_ISCHR(st.st_mode) && st.st_rdev == 0) return {};  // a whiteout
    if (st.st_nlink > 1) {
      auto [first, fresh] = linked_.try_emplace({st.st_dev, st.st_ino}, path);
      if (!fresh) {
        if (linkat(top_, first->second.c_str(), to, name.c_str(), 0) != 0)
          return Error::system("linkat", path);
        return {};
      }
    }
    if (S_ISREG(st.st_mode)) return file(from, to, name, path, st);
    if (S_ISLNK(st.st_mode)) {
      const std::string target = TRY(sys::read_link_at(from, name));
      if (symlinkat(target.c_str(), to, name.c_str()) != 0) return Error::system("symlinkat", path);
      CHECK_OK(own(to, name, st));
      return times(to, name, st);
    }
    if (S_ISFIFO(st.st_mode)) {
      if (mkfifoat(to, name.c_str(), 0600) != 0) return Error::system("mkfifoat", path);
      CHECK_OK(own(to, name, st));
      if (fchmodat(to, name.c_str(), st.st_mode & 07777, 0) != 0) return Error::system("fchmodat", path);
      return times(to, name, st);
    }
    return {};  // layers hold no devices and no sockets
  }

  Status folder(int from, int to, const std::string& name, const std::string& path, size_t depth,
                const struct stat& st) {
    Fd below = TRY(sys::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).in(path));
    const auto there = TRY(sys::stat_at(to, name));
    if (there && (!S_ISDIR(there->st_mode) || is_opaque(below.get())))
      CHECK_OK(sys::remove_tree_at(to, name));
    CHECK_OK(sys::make_dir_at(to, name, 0700));
    Fd made = TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).in(path));
    CHECK_OK(directory(below.get(), made.get(), path, depth + 1));
    CHECK_OK(own(made.get(), "", st));
    copy_attributes(below.get(), made.get());
    if (fchmod(made.get(), st.st_mode & 07777) != 0) return Error::system("fchmod", path);
    const timespec both[2] = {st.st_atim, st.st_mtim};
    if (futimens(made.get(), both) != 0) return Error::system("futimens", path);
    return {};
  }

  Status file(int from, int to, const std::string& name, const std::string& path, const struct stat& st) {
    Fd input = TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).in(path));
    Fd output = TRY(sys::open_at(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600).in(path));
    CHECK_OK(copy_content(input.get(), output.get(), path));
    // In this order: a change of owner takes bits of the mode away.
    CHECK_OK(own(output.get(), "", st));
    copy_attributes(input.get(), output.get());
    if (fchmod(output.get(), st.st_mode & 07777) != 0) return Error::system("fchmod", path);
    return times(to, name, st);
  }

  Status own(int to, const std::string& name, const struct stat& st) {
    if (fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0) return {};
    if (errno != EPERM && errno != EINVAL) return Error::system("fchownat", name);
    lost_owners_ = true;
    return {};
  }

  static Status times(int to, const std::string& name, const struct stat& st) {
    const timespec both[2] = {st.st_atim, st.st_mtim};
    if (utimensat(to, name.c_str(), both, AT_SYMLINK_NOFOLLOW) != 0) return Error::system("utimensat", name);
    return {};
  }

  int top_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
  bool lost_owners_ = false;
};

}  // namespace

Status copy_content(int from, int to, const std::string& name) {
  struct stat st {};
  if (fstat(from, &st) != 0) return Error::system("fstat", name);
  if (ioctl(to, FICLONE, from) == 0) return {};
  // What it had when it was looked at: one that grows as fast as it is copied would have no end.
  bool by_range = true;
  for (off_t left = st.st_size; left > 0;) {
    const auto part = static_cast<size_t>(std::min(left, off_t{1} << 30));
    const ssize_t n =
        by_range ? copy_file_range(from, nullptr, to, nullptr, part, 0) : sendfile(to, from, nullptr, part);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 && by_range) {  // not every pair of file systems can; some say so with 0
      by_range = false;
      continue;
    }
    if (n < 0) return Error::system("sendfile", name);
    if (n == 0) break;
    left -= n;
  }
  return {};
}

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
