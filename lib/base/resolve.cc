// open_in_root, open_beneath: a path is resolved as if a directory were the root of the file system, or so
// that it never leaves it, by the kernel or by a walk with the same rules.
#include "base/resolve.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <deque>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sys {
namespace {

constexpr int max_links = 40;  // as the kernel's own limit

int open_how(int dir, const char* path, int flags, mode_t mode, uint64_t resolve) {
  struct open_how how {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0;
  how.resolve = resolve;
  while (true) {
    long fd = ::syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(fd);
  }
}

void push_components(std::deque<std::string>& todo, const std::string& path) {
  auto parts = text::split(path, '/');
  for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
    if (!it->empty() && *it != ".") todo.push_front(*it);
  }
}

// Whether links in this directory are magic: those of /proc are, but for the few in its top ("self",
// "mounts"), whose inode is always 1. What their text says is not where the kernel would go.
bool holds_magic_links(int dir) {
  struct statfs system {};
  struct stat st {};
  constexpr ino_t proc_root = 1;
  return ::fstatfs(dir, &system) == 0 && system.f_type == PROC_SUPER_MAGIC && ::fstat(dir, &st) == 0 &&
         st.st_ino != proc_root;
}

// Where the text of an absolute link goes on below the directory `name`; nothing: elsewhere.
std::optional<std::string> below(const std::string& target, const std::string& name) {
  if (!target.starts_with(name)) return std::nullopt;
  std::string rest = target.substr(name.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return rest;
}

// Each step opens one component with O_PATH|O_NOFOLLOW below a directory that is held open, so that nothing
// can be swapped underneath. @param name the root's own path: what leaves the root is an error; null: nothing
// can, the root is its own parent
Result<Fd> walk(int root, const std::string* root_name, const std::string& path, int flags, mode_t mode) {
  std::deque<std::string> todo;
  push_components(todo, path);
  bool must_be_directory = path.ends_with('/');
  std::vector<Fd> parents;  // for "..": the directories from the root to here
  parents.push_back(TRY(open_at(root, ".", O_PATH | O_DIRECTORY)));
  int links = 0;
  while (!todo.empty()) {
    std::string name = todo.front();
    todo.pop_front();
    if (name == "..") {
      if (parents.size() == 1 && root_name != nullptr)
        return Error::system("open", text::printable(path), EXDEV);
      if (parents.size() > 1) parents.pop_back();
      continue;
    }
    int here = parents.back().get();
    bool last = todo.empty();
    struct stat st {};
    bool exists = ::fstatat(here, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && (errno != ENOENT || !last || (flags & O_CREAT) == 0))
      return Error::system("open", text::printable(path));
    if (exists && S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW) != 0 && !must_be_directory)) {
      if (last && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return Error::system("open", text::printable(path), EEXIST);
      if (++links > max_links || holds_magic_links(here))
        return Error::system("open", text::printable(path), ELOOP);
      std::string target = TRY(read_link_at(here, name));
      if (target.starts_with('/')) {
        if (root_name != nullptr) {
          auto rest = below(target, *root_name);
          if (!rest) return Error::system("open", text::printable(path), EXDEV);
          target = *std::move(rest);
        }
        parents.resize(1);
      }
      push_components(todo, target);
      continue;
    }
    if (last)
      return TRY_IN(open_at(here, name, flags | O_NOFOLLOW | (must_be_directory ? O_DIRECTORY : 0), mode),
                    text::printable(path));
    parents.push_back(TRY_IN(open_at(here, name, O_PATH | O_NOFOLLOW | O_DIRECTORY), text::printable(path)));
  }
  return open_at(parents.back().get(), ".", flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), mode);
}

}  // namespace

Result<Fd> open_in_root(int dir, const std::string& path, int flags, mode_t mode) {
  static bool have_openat2 = true;
  if (have_openat2) {
    int fd = open_how(dir, path.empty() ? "." : path.c_str(), flags, mode,
                      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd >= 0) return Fd(fd);
    if (errno != ENOSYS && errno != EPERM) return Error::system("open", text::printable(path));
    if (errno == ENOSYS) have_openat2 = false;
  }
  return walk(dir, nullptr, path, flags, mode);
}

Result<Fd> open_beneath(int dir, const std::string& name, const std::string& path, int flags, mode_t mode) {
  if (path.starts_with('/')) return Error::system("open", text::printable(path), EXDEV);
  int fd =
      open_how(dir, path.empty() ? "." : path.c_str(), flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  if (fd >= 0) return Fd(fd);
  // EXDEV: perhaps only by an absolute link, which the kernel never takes.
  if (errno != ENOSYS && errno != EPERM && errno != EXDEV)
    return Error::system("open", text::printable(path));
  return walk(dir, &name, path, flags, mode);
}

}  // namespace testctr::sys
