#include "sandbox/entry_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {

// Of `user.` alone: others are dropped when layers are unpacked, too.
Status copy_attributes(int from, int to, bool marks) {
  // Most files have none, and buffers for the largest ones cost more than this question.
  if (flistxattr(from, nullptr, 0) <= 0) return {};
  std::string names(size_t{64} << 10, '\0'), value(size_t{64} << 10, '\0');
  const ssize_t size = flistxattr(from, names.data(), names.size());
  if (size <= 0) return {};
  for (const std::string& name :
       text::split(std::string_view(names).substr(0, static_cast<size_t>(size)), '\0')) {
    if (!name.starts_with("user.") || (!marks && name.starts_with("user.overlay."))) continue;
    const ssize_t n = fgetxattr(from, name.c_str(), value.data(), value.size());
    if (n < 0) return Error::system("fgetxattr", name);
    if (fsetxattr(to, name.c_str(), value.data(), static_cast<size_t>(n), 0) != 0 && errno != EOPNOTSUPP)
      return Error::system("fsetxattr", name);
  }
  return {};
}

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

Result<bool> EntryCopy::copy(int from, int to, const std::string& name, const std::string& path,
                             const struct stat& st) {
  if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode)) return false;
  if (st.st_nlink > 1) {
    const auto [first, fresh] = linked_.try_emplace({st.st_dev, st.st_ino}, path);
    if (!fresh) {
      if (linkat(top_, first->second.c_str(), to, name.c_str(), 0) != 0) return Error::system("linkat", path);
      return true;
    }
  }
  if (S_ISREG(st.st_mode)) {
    CHECK_OK(file(from, to, name, path));
    return true;
  }
  if (S_ISLNK(st.st_mode)) {
    const std::string target = TRY(sys::read_link_at(from, name));
    if (symlinkat(target.c_str(), to, name.c_str()) != 0) return Error::system("symlinkat", path);
    CHECK_OK(own(to, name, st));
  } else {
    if (mkfifoat(to, name.c_str(), 0600) != 0) return Error::system("mkfifoat", path);
    CHECK_OK(own(to, name, st));
    if (fchmodat(to, name.c_str(), st.st_mode & 07777, 0) != 0) return Error::system("fchmodat", path);
  }
  const timespec both[2] = {st.st_atim, st.st_mtim};
  if (utimensat(to, name.c_str(), both, AT_SYMLINK_NOFOLLOW) != 0) return Error::system("utimensat", path);
  return true;
}

Status EntryCopy::file(int from, int to, const std::string& name, const std::string& path) {
  Fd input = TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                     .in(fmt::format("copying {}", text::quoted(path))));
  Fd output = TRY(sys::open_at(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600).in(path));
  CHECK_OK(copy_content(input.get(), output.get(), path));
  return finish(input.get(), output.get(), path);
}

Status EntryCopy::finish(int from, int to, const std::string& path) {
  struct stat st {};
  if (fstat(from, &st) != 0) return Error::system("fstat", path);
  // In this order: a change of owner takes bits of the mode away.
  CHECK_OK(own(to, "", st));
  CHECK_OK(copy_attributes(from, to, marks_).in(path));
  if (fchmod(to, st.st_mode & 07777) != 0) return Error::system("fchmod", path);
  const timespec both[2] = {st.st_atim, st.st_mtim};
  if (futimens(to, both) != 0) return Error::system("futimens", path);
  return {};
}

}  // namespace testctr::sandbox
