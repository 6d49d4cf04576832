#include "sandbox/furnish.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/devices.h"
#include "sandbox/mounts.h"

namespace testctr::sandbox {
namespace {

constexpr const char* read_only_paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                           "proc/sysrq-trigger"};
constexpr const char* masked_paths[] = {"proc/acpi",        "proc/asound",  "proc/interrupts",
                                        "proc/kcore",       "proc/keys",    "proc/latency_stats",
                                        "proc/sched_debug", "proc/scsi",    "proc/timer_list",
                                        "proc/timer_stats", "sys/firmware", "sys/devices/virtual/powercap"};

// Where a descriptor of the new root leads, as a path that has no links in it: nobody else writes there yet.
Result<Target> target_of(int fd) {
  return Target{AT_FDCWD, TRY(sys::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)))};
}

// The directory at `path` inside, made with its parents where missing.
Result<Fd> directory_inside(int root, const std::string& path) {
  std::string so_far;
  Fd at = TRY(sys::duplicate(root));
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error::usage(fmt::format("{} has .. in it", text::quoted(path)));
    so_far += "/" + part;
    auto next = sys::open_in_root(root, so_far, O_PATH | O_DIRECTORY);
    if (!next.ok() && next.error().number() == ENOENT) {
      CHECK_OK(sys::make_dir_at(at.get(), part, 0755));
      next = sys::open_in_root(root, so_far, O_PATH | O_DIRECTORY);
    }
    if (!next.ok()) return std::move(next).error().in(fmt::format("making {} inside", text::quoted(so_far)));
    at = std::move(next).value();
  }
  return at;
}

// Paths that a bind may neither be nor lie below: what we mount there ourselves must stay what it is.
bool is_ours(const std::string& path) {
  for (std::string_view own : {"/proc", "/sys", "/dev", "/testctr"}) {
    if (path == own || (path.starts_with(own) && path[own.size()] == '/')) return true;
  }
  return path.empty() || path == "/";
}

Status add_bind(int root, const Bind& wanted, Fd handed, const std::string& root_path) {
  if (!wanted.target.starts_with('/'))
    return Error::usage(fmt::format("{} is not an absolute path", text::quoted(wanted.target)));
  const bool detached = handed.valid();
  Fd source = detached ? std::move(handed) : TRY(sys::open(wanted.source, O_PATH));
  struct stat st {};
  if (fstat(source.get(), &st) != 0) return Error::system("fstat", wanted.source);
  Fd point;
  if (S_ISDIR(st.st_mode)) {
    point = TRY(directory_inside(root, wanted.target));
  } else {
    const size_t slash = wanted.target.rfind('/');
    Fd parent = TRY(directory_inside(root, wanted.target.substr(0, slash)));
    auto made = sys::open_at(parent.get(), wanted.target.substr(slash + 1),
                             O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0644);
    if (!made.ok() && made.error().number() != EEXIST) return std::move(made).error();
    point = TRY(sys::open_in_root(root, wanted.target, O_PATH));
  }
  Target target = TRY(target_of(point.get()));
  if (!target.name.starts_with(root_path) ||
      (!wanted.ours && is_ours(target.name.substr(root_path.size())))) {
    return Error::usage(fmt::format("nothing may be mounted at {}", text::quoted(wanted.target)))
        .hint("choose another path inside");
  }
  if (detached) return place(source.get(), target);
  return bind(source.get(), target, {.read_only = wanted.read_only, .recursive = S_ISDIR(st.st_mode)});
}

Status write_new(int dir, const char* name, const std::string& content, bool replace) {
  auto st = TRY(sys::stat_at(dir, name));
  if (st && !replace && (!S_ISREG(st->st_mode) || st->st_size != 0)) return {};
  if (st && unlinkat(dir, name, 0) != 0) return Error::system("unlinkat", name);
  Fd file = TRY(sys::open_at(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0644));
  return sys::write_full(file.get(), content);
}

Status cover(const char* path, bool mask, int null, int empty) {
  auto found = sys::open_at(AT_FDCWD, std::string("root/") + path, O_PATH | O_NOFOLLOW);
  if (!found.ok()) return {};  // this kernel has it not
  struct stat st {};
  if (fstat(found.value().get(), &st) != 0 || S_ISLNK(st.st_mode)) return {};
  const int source = !mask ? found.value().get() : S_ISDIR(st.st_mode) ? empty : null;
  return bind(source, {AT_FDCWD, std::string("root/") + path},
              {.read_only = true,
               .nosuid = true,
               .nodev = !mask || S_ISDIR(st.st_mode),
               .noexec = true,
               .recursive = !mask});
}

}  // namespace

Status add_files(int root, const Plan& plan, const std::string& resolv_conf) {
  auto tmp = sys::open_in_root(root, "/tmp", O_PATH | O_DIRECTORY);
  if (!tmp.ok() && tmp.error().number() == ENOENT && !TRY(sys::stat_at(root, "tmp"))) {
    CHECK_OK(sys::make_dir_at(root, "tmp", 01777));
  }
  auto etc = directory_inside(root, "/etc");
  if (!etc.ok()) return {};  // not a directory: the image's own affair
  std::string names = fmt::format(
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{}\n", plan.spec.hostname);
  for (const std::string& name : plan.spec.names) names += fmt::format("127.0.0.1\t{}\n", name);
  CHECK_OK(write_new(etc.value().get(), "hosts", names, !plan.spec.names.empty()));
  if (!resolv_conf.empty()) CHECK_OK(write_new(etc.value().get(), "resolv.conf", resolv_conf, true));
  return {};
}

Status add_binds(int root, const Plan& plan, std::vector<Fd> handed) {
  const std::string root_path = TRY(target_of(root)).name;
  for (size_t i = 0; i < plan.spec.binds.size(); ++i) {
    const Bind& wanted = plan.spec.binds[i];
    CHECK_OK(
        add_bind(root, wanted, i < handed.size() ? std::move(handed[i]) : Fd(), root_path)
            .in(fmt::format("mounting {} at {}", text::quoted(wanted.source), text::quoted(wanted.target))));
  }
  return {};
}

Status cover_paths() {
  std::optional<Fd> device = TRY(null_device(O_PATH | O_NOFOLLOW));
  if (!device) {
    TRY(sys::open("nothing", O_CREAT | O_WRONLY | O_NOFOLLOW, 0444));
    device = TRY(sys::open("nothing", O_PATH | O_NOFOLLOW));
  }
  const Fd& null = *device;
  Fd empty = TRY(sys::open("empty", O_PATH | O_DIRECTORY));
  for (const char* path : read_only_paths) CHECK_OK(cover(path, false, null.get(), empty.get()).in(path));
  for (const char* path : masked_paths) CHECK_OK(cover(path, true, null.get(), empty.get()).in(path));
  return {};
}

}  // namespace testctr::sandbox
