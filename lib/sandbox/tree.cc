#include "sandbox/tree.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {
namespace {

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> result;
  for (std::string& part : text::split(path, '/')) {
    if (!part.empty() && part != ".") result.push_back(std::move(part));
  }
  return result;
}

// Of `user.` alone: others are dropped when layers are unpacked, too. A tmpfs keeps none before Linux 6.6,
// and nor does the overlay above it then.
Status copy_attributes(int from, int to, bool marks) {
  // Most files have none, and buffers for the largest ones cost more than this question.
  if (flistxattr(from, nullptr, 0) <= 0) return {};
  std::string names(size_t{64} << 10, '\0'), value(size_t{64} << 10, '\0');
  ssize_t size = flistxattr(from, names.data(), names.size());
  if (size <= 0) return {};
  for (const std::string& name :
       text::split(std::string_view(names).substr(0, static_cast<size_t>(size)), '\0')) {
    if (!name.starts_with("user.") || (!marks && name.starts_with("user.overlay."))) continue;
    ssize_t n = fgetxattr(from, name.c_str(), value.data(), value.size());
    if (n < 0) return Error::system("fgetxattr", name);
    if (fsetxattr(to, name.c_str(), value.data(), static_cast<size_t>(n), 0) != 0 && errno != EOPNOTSUPP)
      return Error::system("fsetxattr", name);
  }
  return {};
}

Status hide_path(int tree, int upper, const std::string& path) {
  auto parts = components(path);
  if (parts.empty()) return {};
  Fd from = TRY(sys::duplicate(tree)), to = TRY(sys::duplicate(upper));
  std::vector<std::pair<Fd, Fd>> above;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    auto next = sys::open_at(from.get(), parts[i], O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!next.ok()) return {};  // not in the tree
    CHECK_OK(sys::make_dir_at(to.get(), parts[i], 0700));
    Fd made = TRY(sys::open_at(to.get(), parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    above.emplace_back(std::move(next).value(), std::move(made));
    from = TRY(sys::duplicate(above.back().first.get()));
    to = TRY(sys::duplicate(above.back().second.get()));
  }
  if (!TRY(sys::stat_at(from.get(), parts.back()))) return {};
  if (mknodat(to.get(), parts.back().c_str(), S_IFCHR, makedev(0, 0)) != 0 && errno != EEXIST)
    return Error::system("mknodat", "a whiteout for " + path);
  for (auto& [source, made] : above) CHECK_OK(copy_metadata(source.get(), made.get()));
  return {};
}

class Copier {
 public:
  Copier(const std::vector<std::string>& hidden, std::vector<std::string>& skipped) : skipped_(skipped) {
    for (const std::string& path : hidden) hidden_.insert(text::join(components(path), "/"));
  }

  Status directory(int from, int to, const std::string& where) {
    Fd listing = TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY).in(where));
    Fd target = TRY(sys::duplicate(to));
    for (const std::string& name : TRY(sys::list_dir(listing.get()))) {
      std::string path = where.empty() ? name : where + "/" + name;
      if (!hidden_.contains(path)) CHECK_OK(entry(listing.get(), target.get(), name, path));
    }
    CHECK_OK(attributes(listing.get(), target.get()));
    CHECK_OK(copy_metadata(listing.get(), target.get()));
    return {};
  }

 private:
  // Gives the copy its shifted owner. To be called before the mode is set: a change of owner takes bits away.
  Status own(int to, const std::string& name, const struct stat& st) {
    if (base_ == 0) return {};
    uid_t uid = base_ + (one_owner_ ? 0 : st.st_uid);
    gid_t gid = base_ + (one_owner_ ? 0 : st.st_gid);
    if (fchownat(to, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
      return Error::system("fchownat", name);
    return {};
  }

  Status attributes(int from, int to) {
    struct stat st {};
    if (fstat(from, &st) != 0) return Error::system("fstat", "");
    CHECK_OK(own(to, "", st));
    // A layer's marks (of opaque folders) are kept; in a tree they mean nothing.
    return copy_attributes(from, to, /* marks= */ base_ != 0 && !one_owner_);
  }

  Status entry(int from, int to, const std::string& name, const std::string& path) {
    auto found = TRY(sys::stat_at(from, name));
    if (!found)
      return Error::infrastructure(fmt::format("{} went away while the tree was copied", text::quoted(path)));
    const struct stat& st = *found;
    if (S_ISDIR(st.st_mode)) {
      CHECK_OK(sys::make_dir_at(to, name, 0700));
      Fd below = TRY(sys::open_at(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW).in(path));
      Fd made = TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      return directory(below.get(), made.get(), path);
    }
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
      std::string target = TRY(sys::read_link_at(from, name));
      if (symlinkat(target.c_str(), to, name.c_str()) != 0) return Error::system("symlinkat", path);
      CHECK_OK(own(to, name, st));
      return times(to, name, st);
    }
    if (S_ISFIFO(st.st_mode)) {
      if (mkfifoat(to, name.c_str(), st.st_mode & 07777) != 0) return Error::system("mkfifoat", path);
      CHECK_OK(own(to, name, st));
      if (fchmodat(to, name.c_str(), st.st_mode & 07777, 0) != 0) return Error::system("fchmodat", path);
      return times(to, name, st);
    }
    if (base_ != 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0) {
      if (mknodat(to, name.c_str(), S_IFCHR, 0) != 0) return Error::system("mknodat", path);
      return {};
    }
    skipped_.push_back(path);
    return {};
  }

  static Status times(int to, const std::string& name, const struct stat& st) {
    const timespec both[2] = {st.st_atim, st.st_mtim};
    if (utimensat(to, name.c_str(), both, AT_SYMLINK_NOFOLLOW) != 0) return Error::system("utimensat", name);
    return {};
  }

  Status file(int from, int to, const std::string& name, const std::string& path, const struct stat& st) {
    Fd input = TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                       .in(fmt::format("copying {}", text::quoted(path))));
    Fd output = TRY(sys::open_at(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600));
    // What it had when it was looked at: one that grows as fast as it is copied would have no end.
    for (off_t left = st.st_size; left > 0;) {
      ssize_t n =
          sendfile(output.get(), input.get(), nullptr, static_cast<size_t>(std::min(left, off_t{1} << 30)));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && base_ != 0) return Error::system("sendfile", path);
      if (n < 0) return Error::system("sendfile", path).hint("--scratch SIZE gives the copy more room");
      if (n == 0) break;
      left -= n;
    }
    CHECK_OK(attributes(input.get(), output.get()));
    if (fchmod(output.get(), st.st_mode & 07777) != 0) return Error::system("fchmod", path);
    return times(to, name, st);
  }

  std::set<std::string> hidden_;
  std::vector<std::string>& skipped_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;

 public:
  int top_ = -1;
  uint32_t base_ = 0;
  bool one_owner_ = false;
};

}  // namespace

Status copy_metadata(int from, int to) {
  struct stat st {};
  if (fstat(from, &st) != 0) return Error::system("fstat", "");
  Fd readable = TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY));
  CHECK_OK(copy_attributes(readable.get(), to, /* marks= */ false));
  if (fchmod(to, st.st_mode & 07777) != 0) return Error::system("fchmod", "");
  const timespec both[2] = {st.st_atim, st.st_mtim};
  if (futimens(to, both) != 0) return Error::system("futimens", "");
  return {};
}

Status hide_paths(int tree, int upper, const std::vector<std::string>& hidden) {
  for (const std::string& path : hidden)
    CHECK_OK(hide_path(tree, upper, path).in(fmt::format("hiding {}", text::quoted(path))));
  return {};
}

Status copy_below(int from, int to, const std::vector<std::string>& hidden,
                  std::vector<std::string>& skipped) {
  Copier copier(hidden, skipped);
  copier.top_ = to;
  return copier.directory(from, to, "");
}

Status copy_shifted(int from, int to, uint32_t base, bool one_owner) {
  std::vector<std::string> skipped;
  Copier copier({}, skipped);
  copier.top_ = to;
  copier.base_ = base;
  copier.one_owner_ = one_owner;
  return copier.directory(from, to, "");
}

}  // namespace testctr::sandbox
