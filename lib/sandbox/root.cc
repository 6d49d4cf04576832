#include "sandbox/root.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/devices.h"
#include "sandbox/mounts.h"

namespace testctr::sandbox {
namespace {

Target here(std::string name) { return {AT_FDCWD, std::move(name)}; }

Status make_dir(const char* path, mode_t mode = 0755) {
  if (mkdir(path, mode) != 0) return Error::system("mkdir", path);
  return {};
}

Status make_file(int dir, const std::string& path) {
  TRY(sys::open_at(dir, path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0644));
  return {};
}

Status change_dir(const std::string& path) {
  if (chdir(path.c_str()) != 0) return Error::system("chdir", path);
  return {};
}

// The scratch space becomes the working directory:
//   root/            mount point of the container's root
//   up/ wk/          the root's upper layer and overlay's work directory
//   tree/{up,wk,hidden}  the same for the tree
//   work/            $WORK
//   l/N              the layers by short names: overlay takes at most a page of text
Status make_scratch(const Plan& plan) {
  CHECK_OK(mount_new("tmpfs", here(plan.scratch_point), MS_NOSUID | MS_NODEV,
                     fmt::format("mode=755,size={}", plan.spec.limits.scratch)));
  CHECK_OK(change_dir(plan.scratch_point));
  for (const char* dir : {"root", "up", "wk", "l", "work"}) CHECK_OK(make_dir(dir));
  return {};
}

// What must be a true directory in the root is made in the upper layer before the overlay exists: whatever an
// image has there - a link to elsewhere, a file - is hidden by it, so that nothing we mount later can be led
// astray.
Status fill_upper(const Plan& plan) {
  for (const char* dir : {"up/dev", "up/proc", "up/sys", "up/testctr", "up/testctr/bin", "up/work"})
    CHECK_OK(make_dir(dir));
  if (!plan.spec.tree.empty()) CHECK_OK(make_dir("up/testctr/tree"));
  return make_file(AT_FDCWD, "up/testctr/bin/testctr-script");
}

Status name_layers(const Plan& plan, const Handed& handed) {
  const auto& layers = plan.spec.root.layers;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string name = fmt::format("l/{}", i);
    if (plan.rank == Plan::Rank::root) {
      CHECK_OK(make_dir(name.c_str()));
      CHECK_OK(place(handed.layers[i].get(), here(name)));
    } else if (symlink(layers[i].c_str(), name.c_str()) != 0) {
      return Error::system("symlink", name);
    }
  }
  return {};
}

Status mount_root_overlay(const Plan& plan, const Handed& handed) {
  CHECK_OK(fill_upper(plan));
  CHECK_OK(name_layers(plan, handed));
  CHECK_OK(change_dir("l"));
  std::string lower;
  for (size_t i = plan.spec.root.layers.size(); i-- > 0;) lower += fmt::format("{}{}", i, i > 0 ? ":" : "");
  struct stat top {};
  if (stat(fmt::format("{}", plan.spec.root.layers.size() - 1).c_str(), &top) != 0)
    return Error::system("stat", plan.spec.root.layers.back());
  if (chmod("../up", top.st_mode & 07777) != 0) return Error::system("chmod", "the root directory");
  // userxattr: without it a mount in a user namespace succeeds and silently ignores opaque directories. No
  // "volatile": it saves nothing on tmpfs.
  Status mounted = mount_new("overlay", here("../root"), MS_NODEV,
                             fmt::format("lowerdir={},upperdir=../up,workdir=../wk,userxattr", lower));
  if (!mounted.ok()) {
    return std::move(mounted).error().hint(
        "overlayfs in a user namespace needs Linux 5.11 and layers on a file system that can be a lower "
        "directory; `testctr-script doctor` tells more");
  }
  return change_dir("..");
}

Status mount_proc(std::vector<std::string>& notes) {
  Status fresh = mount_new("proc", here("root/proc"), MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  if (fresh.ok() || fresh.error().number() != EPERM) return fresh;
  // Parts of the /proc that we are in are covered (we run in a container), so the kernel refuses a fresh one
  // that would show them.
  Fd outer = TRY(sys::open("/proc", O_PATH | O_DIRECTORY));
  CHECK_OK(bind(outer.get(), here("root/proc"),
                {.read_only = false, .nosuid = true, .nodev = true, .noexec = true, .recursive = true}));
  notes.emplace_back(
      "/proc inside is that of the container around us, with its process numbers: a fresh one is refused "
      "here. "
      "docker run --security-opt systempaths=unconfined, or podman run --security-opt unmask=ALL, allows it");
  return {};
}

Status bind_program(const Plan& plan, const Handed& handed) {
  if (handed.program.valid()) return place(handed.program.get(), here("root/testctr/bin/testctr-script"));
  if (plan.spec.program.empty()) return {};
  Fd program = TRY(sys::open(plan.spec.program, O_PATH));
  return bind(program.get(), here("root/testctr/bin/testctr-script"), {.read_only = true});
}

Status bind_work() {
  Fd work = TRY(sys::open("work", O_PATH | O_DIRECTORY));
  return bind(work.get(), here("root/work"), {});
}

}  // namespace

Status build_root(const Plan& plan, Handed handed, std::vector<std::string>& notes) {
  CHECK_OK(make_scratch(plan).in("making the scratch space"));
  if (plan.spec.root.kind == Root::Kind::hostfs) return Error::internal("hostfs is not there yet");
  CHECK_OK(mount_root_overlay(plan, handed).in("mounting the image"));
  CHECK_OK(mount_proc(notes).in("mounting /proc"));
  CHECK_OK(make_devices("root/dev").in("making /dev"));
  CHECK_OK(bind_program(plan, handed).in("binding our own program"));
  CHECK_OK(bind_work().in("making /work"));
  CHECK_OK(change_dir("root"));
  return enter_root().in("entering the new root");
}

}  // namespace testctr::sandbox
