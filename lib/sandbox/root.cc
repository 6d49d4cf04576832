#include "sandbox/root.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/devices.h"
#include "sandbox/furnish.h"
#include "sandbox/mounts.h"
#include "sandbox/tree.h"

namespace testctr::sandbox {
namespace {

constexpr uint64_t fewest_scratch_files = 10'000, most_scratch_files = 1'000'000;

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
//   empty/           covers directories
//   l/N              the layers by short names: overlay takes at most a page of text
//   made             the last file that is made before programs of the image can make any
// Each file costs the kernel about a kilobyte, whatever is in it.
Status make_scratch(const Plan& plan) {
  const uint64_t files =
      std::clamp<uint64_t>(plan.spec.limits.scratch / 4096, fewest_scratch_files, most_scratch_files);
  CHECK_OK(mount_new("tmpfs", here(plan.scratch_point), MS_NOSUID | MS_NODEV,
                     fmt::format("mode=755,size={},nr_inodes={}", plan.spec.limits.scratch, files)));
  CHECK_OK(change_dir(plan.scratch_point));
  for (const char* dir : {"root", "up", "wk", "l", "work", "empty"}) CHECK_OK(make_dir(dir));
  return {};
}

// What must be a true directory in the root is made in the upper layer before the overlay exists: whatever an
// image has there - a link to elsewhere, a file - is hidden by it, so that nothing we mount later can be led
// astray.
Status fill_upper(const Plan& plan) {
  for (const char* dir : {"up/dev", "up/proc", "up/sys", "up/testctr", "up/testctr/bin", "up/work"})
    CHECK_OK(make_dir(dir));
  if (!plan.spec.tree.empty()) CHECK_OK(make_dir("up/testctr/tree"));
  if (::symlink("testctr-script", "up/testctr/bin/testctr") != 0) return Error::system("symlink", "testctr");
  return make_file(AT_FDCWD, "up/testctr/bin/testctr-script");
}

Status name_layers(const Plan& plan, const Handed& handed) {
  const auto& layers = plan.spec.root.layers;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string name = fmt::format("l/{}", i);
    if (!handed.layers.empty()) {
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
  if (chmod("../up", plan.spec.root.mode.value_or(top.st_mode) & 07777) != 0)
    return Error::system("chmod", "the root directory");
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

Status mount_sys(const Plan& plan) {
  if (plan.spec.network != Network::none)
    return {};  // sysfs belongs to a network namespace, and the host's is not ours
  Status fresh = mount_new("sysfs", here("root/sys"), MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  // Refused where parts of the /sys around us are covered: then the directory stays empty.
  return fresh.ok() || fresh.error().number() == EPERM ? Status() : fresh;
}

// $WORK, unless the spec brings a directory of its own for it.
Status bind_work(const Plan& plan) {
  for (const Bind& wanted : plan.spec.binds) {
    if (wanted.target == "/work") return {};
  }
  if (plan.rank != Plan::Rank::single && chown("work", plan.account.uid, plan.account.gid) != 0)
    return Error::system("chown", "/work");
  Fd work = TRY(sys::open("work", O_PATH | O_DIRECTORY));
  return bind(work.get(), here("root/work"), {});
}

Status copy_tree(const Plan& plan, int source, std::vector<std::string>& notes) {
  CHECK_OK(make_dir("tree/copy"));
  std::vector<std::string> skipped;
  {
    Fd copy = TRY(sys::open("tree/copy", O_RDONLY | O_DIRECTORY));
    CHECK_OK(copy_below(source, copy.get(), plan.spec.tree_hidden, skipped));
  }
  for (const std::string& path : skipped)
    notes.push_back(
        fmt::format("{} of the test tree is a socket or a device and was left out", text::quoted(path)));
  Fd copy = TRY(sys::open("tree/copy", O_PATH | O_DIRECTORY));
  return bind(copy.get(), here("root/testctr/tree"), {});
}

Status mount_tree(const Plan& plan, Fd handed, std::vector<std::string>& notes) {
  if (plan.spec.tree.empty()) return {};
  for (const char* dir : {"tree", "tree/up", "tree/wk"}) CHECK_OK(make_dir(dir));
  if (handed.valid()) {
    CHECK_OK(make_dir("tree/lower"));
    CHECK_OK(place(handed.get(), here("tree/lower")));
  } else if (symlink(plan.spec.tree.c_str(), "tree/lower") != 0) {
    return Error::system("symlink", "tree/lower");
  }
  Fd source = TRY_IN(sys::open("tree/lower", O_PATH | O_DIRECTORY), plan.spec.tree);
  if (plan.spec.copy_tree) return copy_tree(plan, source.get(), notes);
  Fd upper = TRY(sys::open("tree/up", O_RDONLY | O_DIRECTORY));
  CHECK_OK(hide_paths(source.get(), upper.get(), plan.spec.tree_hidden));
  CHECK_OK(copy_metadata(source.get(), upper.get()));
  Status mounted = mount_new("overlay", here("root/testctr/tree"), MS_NOSUID | MS_NODEV,
                             "lowerdir=tree/lower,upperdir=tree/up,workdir=tree/wk,userxattr");
  if (mounted.ok()) return {};
  notes.push_back(fmt::format("the test tree was copied, because its file system cannot be overlaid ({})",
                              mounted.error().message()));
  return copy_tree(plan, source.get(), notes);
}

}  // namespace

Status mount_kernel_views(const Plan& plan) {
  CHECK_OK(mount_sys(plan).in("mounting /sys"));
  return cover_paths().in("covering parts of /proc and /sys");
}

Result<Built> build_root(const Plan& plan, Handed handed, Beside& beside, std::vector<std::string>& notes) {
  std::string resolv_conf;
  if (plan.spec.network == Network::host) {
    auto content = sys::read_file("/etc/resolv.conf", size_t{64} << 10);
    if (content.ok()) resolv_conf = std::move(content).value();
  }
  Built built;
  CHECK_OK(make_scratch(plan).in("making the scratch space"));
  built.scratch = TRY(sys::open(".", O_PATH | O_DIRECTORY));
  if (plan.spec.root.kind == Root::Kind::hostfs) {
    CHECK_OK(mount_host_root(plan, handed, notes).in("mounting this machine's root"));
  } else {
    CHECK_OK(mount_root_overlay(plan, handed).in("mounting the image"));
  }
  CHECK_OK(mount_proc(notes).in("mounting /proc"));
  beside.proc_is_mounted();
  CHECK_OK(make_devices("root/dev").in("making /dev"));
  CHECK_OK(bind_program(plan, handed).in("binding our own program"));
  CHECK_OK(bind_work(plan).in("making /work"));
  CHECK_OK(mount_tree(plan, std::move(handed.tree), notes).in("mounting the test tree"));
  {
    Fd root = TRY(sys::open("root", O_PATH | O_DIRECTORY));
    CHECK_OK(add_files(root.get(), plan, resolv_conf));
    CHECK_OK(add_binds(root.get(), plan, std::move(handed.binds)));
  }
  CHECK_OK(beside.finish());
  built.shared_memory = TRY(sys::open("root/dev/shm", O_PATH | O_DIRECTORY));
  built.proc = TRY(sys::open("root/proc", O_RDONLY | O_DIRECTORY));
  CHECK_OK(change_dir("root"));
  CHECK_OK(enter_root().in("entering the new root"));
  if (plan.spec.working_dir.starts_with('/')) {
    Status made = sys::make_dirs(plan.spec.working_dir, 0755);
    if (!made.ok()) notes.push_back("the image's WorkingDir cannot be made: " + made.error().message());
  }
  CHECK_OK(make_file(built.scratch.get(), "made"));
  return built;
}

}  // namespace testctr::sandbox
