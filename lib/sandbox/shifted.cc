#include "sandbox/shifted.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys.h"
#include "sandbox/tree.h"

namespace testctr::sandbox {
namespace {

constexpr const char* hint =
    "id-mapped mounts need Linux 5.12 and, inside a container, CAP_SYS_ADMIN; or run as an ordinary user";

Status copy_directory(const std::string& from, const std::string& to, uint32_t base, bool one_owner) {
  Fd source = TRY(sys::open(from, O_PATH | O_DIRECTORY));
  if (mkdir(to.c_str(), 0755) != 0) return Error::system("mkdir", to);
  Fd target = TRY(sys::open(to, O_RDONLY | O_DIRECTORY));
  return copy_shifted(source.get(), target.get(), base, one_owner).in(from);
}

}  // namespace

bool id_mapping_available() {
  if (syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) < 0 && errno == ENOSYS) return false;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  return syscall(SYS_capget, &header, data) != 0 || (data[0].effective >> CAP_SYS_ADMIN & 1) != 0;
}

Result<std::unique_ptr<ShiftedCopies>> ShiftedCopies::make(Spec& spec, uint32_t base) {
  if (spec.root.kind == Root::Kind::hostfs)
    return Error::infrastructure("hostfs as root needs id-mapped mounts, which are not to be had here")
        .hint(hint);
  if (!spec.binds.empty())
    return Error::infrastructure(
               "mounting host directories as root needs id-mapped mounts, which are not to be had here")
        .hint(hint);
  const char* tmp = std::getenv("TMPDIR");
  std::unique_ptr<ShiftedCopies> copies(new ShiftedCopies());
  std::string folder = std::string(tmp != nullptr && *tmp == '/' ? tmp : "/tmp") + "/testctr-copy-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return Error::system("mkdtemp", folder);
  copies->folder_ = folder;
  // The container's root must get through, and no more.
  if (chmod(folder.c_str(), 0711) != 0) return Error::system("chmod", folder);
  for (size_t i = 0; i < spec.root.layers.size(); ++i) {
    std::string copy = fmt::format("{}/{}", folder, i);
    CHECK_OK(copy_directory(spec.root.layers[i], copy, base, false));
    spec.root.layers[i] = std::move(copy);
  }
  if (!spec.tree.empty()) {
    CHECK_OK(copy_directory(spec.tree, folder + "/tree", base, true));
    spec.tree = folder + "/tree";
  }
  if (!spec.program.empty()) {
    std::string bytes = TRY(sys::read_file(spec.program));
    CHECK_OK(sys::write_file_at(AT_FDCWD, folder + "/program", bytes, 0755));
    spec.program = folder + "/program";
  }
  return copies;
}

ShiftedCopies::~ShiftedCopies() {
  if (!folder_.empty()) (void)sys::remove_tree(folder_);
}

}  // namespace testctr::sandbox
