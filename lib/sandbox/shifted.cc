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
#include <tuple>

#include "base/sys.h"
#include "base/text.h"
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
Status copy_file(const std::string& from, const std::string& to) {
  const std::string bytes = TRY(sys::read_file(from));
  CHECK_OK(sys::write_file_at(AT_FDCWD, to, bytes, 0755));
  if (chmod(to.c_str(), 0755) != 0) return Error::system("chmod", to);
  return {};
}

// A new folder, locked: a sweep by another runner may come between the two, and take it away.
Result<std::pair<std::string, Fd>> make_folder_in(const std::string& parent) {
  for (int turn = 0; turn < 16; ++turn) {
    std::string folder = fmt::format("{}/{}XXXXXX", parent, prefix);
    if (mkdtemp(folder.data()) == nullptr) return Error::system("mkdtemp", folder);
    auto opened = sys::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened.ok()) continue;
    CHECK_OK(sys::lock(opened.value().get(), LOCK_EX));
    const auto there = TRY(sys::stat_at(AT_FDCWD, folder));
    struct stat st {};
    if (!there || fstat(opened.value().get(), &st) != 0 || st.st_ino != there->st_ino) continue;
    // The container's root must get through, and no more.
    if (chmod(folder.c_str(), 0711) != 0) return Error::system("chmod", folder);
    return std::pair{std::move(folder), std::move(opened).value()};
  }
  return Error::infrastructure(fmt::format("folders in {} disappear as soon as they are made", parent));
}

// The container's root comes to its copies by their path, and is nobody on the way there.
bool open_to_all(const std::string& folder) {
  for (size_t end = 1; end <= folder.size(); ++end) {
    if (end > 1 && end < folder.size() && folder[end] != '/') continue;
    struct stat st {};
    if (stat(folder.substr(0, end).c_str(), &st) != 0 || (st.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

Result<std::pair<std::string, Fd>> make_folder(const std::vector<std::string>& outside) {
  Error last = Error::infrastructure(
      "there is no folder for the copies that all may go through, outside the test tree");
  for (const std::string& parent : sys::temporary_folders(outside)) {
    if (!open_to_all(parent)) continue;
    sweep_copies(parent);
    auto made = make_folder_in(parent);
    if (made.ok()) return made;
    last = std::move(made).error();
  }
  return std::move(last).hint("TMPDIR names such a folder");
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

template <class F>
Result<std::string> Copies::once(const std::string& key, F copy) {
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  std::string path = fmt::format("{}/{}", folder_, known_.size());
  if (Status done = copy(path); !done.ok()) {
    (void)sys::remove_tree(path);  // half a copy is none
    Error error = std::move(done).error();
    if (error.number() != ENOSPC && error.number() != EDQUOT) return error;
    return std::move(error).hint("TMPDIR names the folder for such copies: one with more room");
  }
  return known_.emplace(key, std::move(path)).first->second;
}

Status Copies::use(Spec& spec, uint32_t base) {
  // Of what is written to, a copy would be lost; and what is the user's may be a secret.
  for (const Bind& bind : spec.binds) {
    if (bind.ours && bind.read_only) continue;
    return Error::infrastructure(
               fmt::format("{} needs id-mapped mounts for root, which are not to be had here",
                           bind.ours ? "the work folder that the places of a test share"
                                     : fmt::format("mounting {}", text::quoted(bind.source))))
        .hint(hint);
  }
  if (folder_.empty()) {
    outside_.push_back(spec.tree);
    std::tie(folder_, lock_) = TRY(make_folder(outside_));
  }
  const auto directory = [&](const std::string& from, bool one_owner) {
    return once(fmt::format("{} {} {}", base, one_owner ? "tree" : "layer", from),
                [&](const std::string& to) { return copy_directory(from, to, base, one_owner); });
  };
  const auto file = [&](const std::string& from) {
    return once("file " + from, [&](const std::string& to) { return copy_file(from, to); });
  };
  for (std::string& layer : spec.root.layers) layer = TRY(directory(layer, /*one_owner=*/false));
  if (!spec.tree.empty()) spec.tree = TRY(directory(spec.tree, /*one_owner=*/true));
  if (!spec.program.empty()) spec.program = TRY(file(spec.program));
  for (Bind& bind : spec.binds) bind.source = TRY(file(bind.source));
  return {};
}

Copies::~Copies() {
  if (!folder_.empty()) (void)sys::remove_tree(folder_);
}

}  // namespace testctr::sandbox
