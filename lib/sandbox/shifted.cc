#include "sandbox/shifted.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/sys.h"
#include "sandbox/tree.h"

namespace testctr::sandbox {
namespace {

constexpr const char* prefix = "testctr-copy-";
constexpr const char* hint =
    "id-mapped mounts need Linux 5.12 and, inside a container, CAP_SYS_ADMIN; or run as an ordinary user";

Status copy_directory(const std::string& from, const std::string& to, uint32_t base, bool one_owner) {
  Fd source = TRY(sys::open(from, O_PATH | O_DIRECTORY));
  if (mkdir(to.c_str(), 0755) != 0) return Error::system("mkdir", to);
  Fd target = TRY(sys::open(to, O_RDONLY | O_DIRECTORY));
  return copy_shifted(source.get(), target.get(), base, one_owner).in(from);
}

// A file that a container reads, and nobody's secret. What the caller's umask takes away is given back.
Status copy_file(std::string& file, std::string copy) {
  const std::string bytes = TRY(sys::read_file(file));
  CHECK_OK(sys::write_file_at(AT_FDCWD, copy, bytes, 0755));
  if (chmod(copy.c_str(), 0755) != 0) return Error::system("chmod", copy);
  file = std::move(copy);
  return {};
}

// A new folder, locked: a sweep by another runner may come between the two, and take it away.
Result<std::pair<std::string, Fd>> make_folder(const std::string& parent) {
  for (int turn = 0; turn < 16; ++turn) {
    std::string folder = fmt::format("{}/{}XXXXXX", parent, prefix);
    if (mkdtemp(folder.data()) == nullptr) return Error::system("mkdtemp", folder);
    auto opened = sys::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened.ok()) continue;
    CHECK_OK(sys::lock(opened.value().get(), LOCK_EX));
    const auto there = TRY(sys::stat_at(AT_FDCWD, folder));
    struct stat st {};
    if (there && fstat(opened.value().get(), &st) == 0 && st.st_ino == there->st_ino)
      return std::pair{std::move(folder), std::move(opened).value()};
  }
  return Error::infrastructure(fmt::format("folders in {} disappear as soon as they are made", parent));
}

}  // namespace

int sweep_copies(const std::string& folder) {
  int removed = 0;
  auto dir = sys::open(folder, O_RDONLY | O_DIRECTORY);
  if (!dir.ok()) return 0;
  auto names = sys::list_dir(dir.value().get());
  if (!names.ok()) return 0;
  for (const std::string& name : names.value()) {
    if (!name.starts_with(prefix)) continue;
    auto copy = sys::open_at(dir.value().get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    struct stat st {};
    if (!copy.ok() || fstat(copy.value().get(), &st) != 0 || st.st_uid != geteuid()) continue;
    auto locked = sys::lock(copy.value().get(), LOCK_EX | LOCK_NB);
    if (!locked.ok() || !locked.value()) continue;  // somebody's, alive
    if (sys::remove_tree_at(dir.value().get(), name).ok()) ++removed;
  }
  return removed;
}

bool id_mapping_available() {
  if (syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) < 0 && errno == ENOSYS) return false;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  return syscall(SYS_capget, &header, data) != 0 || (data[0].effective >> CAP_SYS_ADMIN & 1) != 0;
}

Result<std::unique_ptr<ShiftedCopies>> ShiftedCopies::make(Spec& spec, uint32_t base) {
  // Of what is written to, a copy would be lost; and what is the user's may be a secret.
  const auto stays = [](const Bind& bind) { return !bind.ours || !bind.read_only; };
  if (std::any_of(spec.binds.begin(), spec.binds.end(), stays))
    return Error::infrastructure(
               "mounting host directories as root needs id-mapped mounts, which are not to be had here")
        .hint(hint);
  const char* tmp = std::getenv("TMPDIR");
  std::unique_ptr<ShiftedCopies> copies(new ShiftedCopies());
  const std::string parent = tmp != nullptr && *tmp == '/' ? tmp : "/tmp";
  sweep_copies(parent);
  auto [folder, lock] = TRY(make_folder(parent));
  copies->folder_ = folder;
  copies->lock_ = std::move(lock);
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
  if (!spec.program.empty()) CHECK_OK(copy_file(spec.program, folder + "/program"));
  for (size_t i = 0; i < spec.binds.size(); ++i)
    CHECK_OK(copy_file(spec.binds[i].source, fmt::format("{}/bind-{}", folder, i)));
  return copies;
}

ShiftedCopies::~ShiftedCopies() {
  if (!folder_.empty()) (void)sys::remove_tree(folder_);
}

}  // namespace testctr::sandbox
