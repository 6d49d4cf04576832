#include "sandbox/devices.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"
#include "sandbox/mounts.h"

namespace testctr::sandbox {
namespace {

struct Device {
  const char* name;
  unsigned major_number, minor_number;
};

constexpr Device devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                              {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

constexpr std::pair<const char*, const char*> links[] = {{"/proc/self/fd", "fd"},
                                                         {"/proc/self/fd/0", "stdin"},
                                                         {"/proc/self/fd/1", "stdout"},
                                                         {"/proc/self/fd/2", "stderr"},
                                                         {"pts/ptmx", "ptmx"}};

Status bind_device(int host, int dev, const Device& device) {
  Fd node = TRY(sys::open_at(host, device.name, O_PATH | O_NOFOLLOW));
  struct stat st {};
  if (fstat(node.get(), &st) != 0) return Error::system("fstat", device.name);
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(device.major_number, device.minor_number)) {
    return Error::infrastructure(fmt::format("this machine's /dev/{} is not the device {}:{}", device.name,
                                             device.major_number, device.minor_number));
  }
  TRY(sys::open_at(dev, device.name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0666));
  // nodev would make the node useless
  return bind(node.get(), {dev, device.name},
              {.read_only = false, .nosuid = true, .nodev = false, .noexec = true});
}

}  // namespace

Result<std::optional<Fd>> null_device(int flags) {
  auto null = sys::open("/dev/null", flags);
  if (!null.ok()) {
    if (null.error().number() == ENOENT) return std::optional<Fd>();
    return std::move(null).error();
  }
  struct stat st {};
  if (fstat(null.value().get(), &st) != 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
    return Error::infrastructure("this machine's /dev/null is not the null device");
  return std::optional(std::move(null).value());
}

Status make_devices(const std::string& dir) {
  CHECK_OK(mount_new("tmpfs", {AT_FDCWD, dir}, MS_NOSUID | MS_NOEXEC, "mode=755,size=1m,nr_inodes=4096"));
  Fd dev = TRY(sys::open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  if (TRY(null_device(O_PATH | O_NOFOLLOW))) {
    Fd host = TRY(sys::open("/dev", O_PATH | O_DIRECTORY));
    for (const Device& device : devices) CHECK_OK(bind_device(host.get(), dev.get(), device));
  } else {
    TRY(sys::open_at(dev.get(), "null", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0666));
  }
  for (auto [target, name] : links) {
    if (symlinkat(target, dev.get(), name) != 0) return Error::system("symlinkat", name);
  }
  CHECK_OK(sys::make_dir_at(dev.get(), "shm", 01777));
  CHECK_OK(mount_new("tmpfs", {AT_FDCWD, dir + "/shm"}, MS_NOSUID | MS_NODEV | MS_NOEXEC,
                     "mode=1777,size=64m,nr_inodes=4096"));
  CHECK_OK(sys::make_dir_at(dev.get(), "pts", 0755));
  return mount_new("devpts", {AT_FDCWD, dir + "/pts"}, MS_NOSUID | MS_NOEXEC,
                   "newinstance,ptmxmode=0666,mode=620");
}

}  // namespace testctr::sandbox
