// The self-test of the file system that a store lies on: once, when the store is made.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/sys.h"
#include "image/store.h"

namespace testctr::image {
namespace {

// In a child, after fork: only system calls on what was prepared before.
struct MountTest {
  const char* options;
  const char* target;
  const char* hidden;
  const char* whiteout;
  const char* uid_map;
  int directory;
};
enum Verdict : int { works = 0, not_tried = 1, refused = 2, opaque_ignored = 3, whiteout_ignored = 4 };

bool write_file_raw(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool good = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  close(fd);
  return good;
}

Verdict try_mount(const MountTest& t) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return not_tried;
  (void)write_file_raw("/proc/self/setgroups", "deny");
  if (!write_file_raw("/proc/self/uid_map", t.uid_map)) return not_tried;
  if (fchdir(t.directory) != 0) return not_tried;
  if (mount("overlay", t.target, "overlay", MS_RDONLY, t.options) != 0) return refused;
  if (faccessat(AT_FDCWD, t.hidden, F_OK, 0) == 0) return opaque_ignored;
  return faccessat(AT_FDCWD, t.whiteout, F_OK, 0) == 0 ? whiteout_ignored : works;
}

Status fill(int base) {
  for (const char* name : {"lower", "lower/d", "upper", "upper/d", "merged"})
    CHECK_OK(sys::make_dir_at(base, name, 0700));
  CHECK_OK(sys::write_file_at(base, "lower/d/hidden", ""));
  CHECK_OK(sys::write_file_at(base, "lower/gone", ""));
  if (mknodat(base, "upper/gone", S_IFCHR, makedev(0, 0)) != 0)
    return Error(Error::system("mknodat", "a whiteout"))
        .hint("whiteouts need Linux 5.8 and a file system with device nodes");
  Fd d = TRY(sys::open_at(base, "upper/d", O_RDONLY | O_DIRECTORY));
  if (fsetxattr(d.get(), "user.overlay.opaque", "y", 1, 0) != 0)
    return Error::system("fsetxattr", "user.overlay.opaque, on a folder of this file system")
        .in("it keeps no user attributes");
  return {};
}

}  // namespace

Status test_file_system(int directory) {
  const std::string name = fmt::format("tmp/selftest-{}-{}", getpid(), sys::monotonic_ns());
  CHECK_OK(sys::remove_tree_at(directory, name));
  CHECK_OK(sys::make_dir_at(directory, name, 0700));
  Fd base = TRY(sys::open_at(directory, name, O_RDONLY | O_DIRECTORY));
  Status filled = fill(base.get());
  int verdict = not_tried;
  if (filled.ok()) {
    std::string uid_map = fmt::format("0 {} 1", geteuid());
    MountTest test{"userxattr,lowerdir=upper:lower",
                   "merged",
                   "merged/d/hidden",
                   "merged/gone",
                   uid_map.c_str(),
                   base.get()};
    pid_t child = fork();
    if (child == 0) _exit(try_mount(test));
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child > 0 && WIFEXITED(status)) verdict = WEXITSTATUS(status);
  }
  CHECK_OK(sys::remove_tree_at(directory, name));
  CHECK_OK(std::move(filled));
  // A machine on which no such mount can be made at all has that said by the sandbox, in better words than
  // "the store".
  if (verdict == opaque_ignored || verdict == whiteout_ignored)
    return Error::infrastructure("an overlay on this file system ignores what layers remove");
  return {};
}

}  // namespace testctr::image
