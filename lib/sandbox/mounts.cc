#include "sandbox/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {
namespace {

int open_tree_raw(int dir, const char* path, unsigned flags) {
  return static_cast<int>(syscall(SYS_open_tree, dir, path, flags));
}

int move_mount_raw(int from, int to_dir, const char* to_path) {
  return static_cast<int>(syscall(SYS_move_mount, from, "", to_dir, to_path, MOVE_MOUNT_F_EMPTY_PATH));
}

int mount_setattr_raw(int fd, unsigned flags, mount_attr* attributes) {
  return static_cast<int>(
      syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attributes, sizeof *attributes));
}

// The C library's MS_* are of an enumeration's type, which does not mix with numbers.
unsigned long when(bool condition, unsigned long flag) { return condition ? flag : 0; }

mount_attr attributes_of(const Attributes& a) {
  mount_attr result{};
  result.attr_set = (a.read_only ? MOUNT_ATTR_RDONLY : 0U) | (a.nosuid ? MOUNT_ATTR_NOSUID : 0U) |
                    (a.nodev ? MOUNT_ATTR_NODEV : 0U) | (a.noexec ? MOUNT_ATTR_NOEXEC : 0U);
  result.propagation = MS_PRIVATE;
  return result;
}

std::string path_of(const Target& target) {
  if (target.dir == AT_FDCWD) return target.name;
  return fmt::format("/proc/self/fd/{}{}{}", target.dir, target.name.empty() ? "" : "/", target.name);
}

// One mount's flags by the old interface: those that are set must be named again, or the kernel refuses the
// change of a locked one.
Status remount(const std::string& path, const Attributes& a) {
  struct statvfs now {};
  if (statvfs(path.c_str(), &now) != 0) return Error::system("statvfs", path);
  unsigned long flags =
      now.f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME);
  flags |= when(a.read_only, MS_RDONLY) | when(a.nosuid, MS_NOSUID) | when(a.nodev, MS_NODEV) |
           when(a.noexec, MS_NOEXEC);
  if (mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) != 0) {
    return Error::system("mount", fmt::format("{}, MS_REMOUNT|MS_BIND", path));
  }
  return {};
}

Status remount_below(const std::string& top, const Attributes& a) {
  std::string table = TRY(sys::read_file("/proc/self/mountinfo"));
  for (const std::string& line : text::split(table, '\n')) {
    auto fields = text::split(line, ' ');
    if (fields.size() < 6) continue;
    std::string point = unescape_mount_point(fields[4]);
    if (point.starts_with(top + "/")) CHECK_OK(remount(point, a));
  }
  return {};
}

Status bind_by_mount(int source, const Target& target, const Attributes& a) {
  std::string from = fmt::format("/proc/self/fd/{}", source), to = path_of(target);
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | when(a.recursive, MS_REC), nullptr) != 0) {
    return Error::system("mount", fmt::format("{}, MS_BIND", target.shown()));
  }
  if (mount(nullptr, to.c_str(), nullptr, MS_PRIVATE | when(a.recursive, MS_REC), nullptr) != 0) {
    return Error::system("mount", fmt::format("{}, MS_PRIVATE", target.shown()));
  }
  CHECK_OK(remount(to, a));
  if (!a.recursive) return {};
  Fd placed = TRY(sys::open(to, O_PATH));
  return remount_below(TRY(sys::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", placed.get()))), a);
}

}  // namespace

std::string unescape_mount_point(std::string_view field) {
  std::string result;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      result +=
          static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      result += field[i];
    }
  }
  return result;
}

Status mount_new(const std::string& type, const Target& target, unsigned long flags,
                 const std::string& options) {
  if (mount(type.c_str(), path_of(target).c_str(), type.c_str(), flags, options.c_str()) != 0) {
    return Error::system("mount", fmt::format("{} at {}, {}", type, target.shown(), options));
  }
  return {};
}

Status bind(int source, const Target& target, const Attributes& a) {
  const unsigned recursive = a.recursive ? AT_RECURSIVE : 0U;
  Fd tree(open_tree_raw(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
  if (!tree.valid() && errno == ENOSYS) return bind_by_mount(source, target, a);
  if (!tree.valid()) return Error::system("open_tree", fmt::format("for {}", target.shown()));
  mount_attr attributes = attributes_of(a);
  if (mount_setattr_raw(tree.get(), recursive, &attributes) != 0) {
    if (errno == ENOSYS) return bind_by_mount(source, target, a);
    return Error::system("mount_setattr", target.shown());
  }
  return place(tree.get(), target);
}

Result<Fd> id_mapped(int source, int user_namespace, const Attributes& a) {
  const unsigned recursive = a.recursive ? AT_RECURSIVE : 0U;
  Fd tree(open_tree_raw(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
  if (!tree.valid()) return Error::system("open_tree", "OPEN_TREE_CLONE");
  mount_attr attributes = attributes_of(a);
  attributes.attr_set |= MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(user_namespace);
  if (mount_setattr_raw(tree.get(), recursive, &attributes) != 0)
    return Error::system("mount_setattr", "MOUNT_ATTR_IDMAP");
  return tree;
}

Result<Fd> detached(int source, const Attributes& a) {
  const unsigned recursive = a.recursive ? AT_RECURSIVE : 0U;
  Fd tree(open_tree_raw(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
  if (!tree.valid()) return Error::system("open_tree", "OPEN_TREE_CLONE");
  mount_attr attributes = attributes_of(a);
  if (mount_setattr_raw(tree.get(), recursive, &attributes) != 0) return Error::system("mount_setattr", "");
  return tree;
}

Status place(int tree, const Target& target) {
  if (move_mount_raw(tree, target.dir, target.name.c_str()) != 0)
    return Error::system("move_mount", target.shown());
  return {};
}

Status enter_root() {
  if (syscall(SYS_pivot_root, ".", ".") != 0) return Error::system("pivot_root", ". .");
  if (umount2(".", MNT_DETACH) != 0) return Error::system("umount2", "the old root");
  if (chdir("/") != 0) return Error::system("chdir", "/");
  return {};
}

}  // namespace testctr::sandbox
