// Mounts, by the interface of Linux 5.12 (open_tree, mount_setattr, move_mount) and, where the kernel has it
// not, by mount(2). Functions with side effects only; what is to be mounted where is decided elsewhere.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

/// A place to mount on: one name below a directory descriptor, or a path of ours relative to the working
/// directory (AT_FDCWD). The last component must be known not to be a link.
struct Target {
  int dir;
  std::string name;

  [[nodiscard]] std::string shown() const { return name; }
};

struct Attributes {
  bool read_only = false;
  bool nosuid = true;
  bool nodev = true;
  bool noexec = false;
  bool recursive = false;  ///< submounts come along, with the same attributes
};

/// Mounts a new file system. @param flags MS_*. @param options as mount(2) takes them.
Status mount_new(const std::string& type, const Target& target, unsigned long flags,
                 const std::string& options);

/// Binds what `source` (O_PATH is enough) refers to at `target`; the mount is private.
Status bind(int source, const Target& target, const Attributes& attributes);

/// Makes a detached copy of the mount at `source`, through which ids are seen as `user_namespace` maps them.
/// Needs privilege over the file system and Linux 5.12; the error keeps the errno (ENOSYS, EPERM, EINVAL: the
/// file system cannot).
Result<Fd> id_mapped(int source, int user_namespace, const Attributes& attributes);

/// Places a detached mount.
Status place(int mount, const Target& target);

/// As id_mapped, but ids are seen as they are.
Result<Fd> detached(int source, const Attributes& attributes);

/// A mount point as /proc/self/mountinfo writes it: blanks and backslashes are three octal digits there.
std::string unescape_mount_point(std::string_view field);

/// pivot_root to the working directory and detaches everything that was there before.
Status enter_root();

}  // namespace testctr::sandbox
