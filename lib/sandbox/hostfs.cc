#include "sandbox/hostfs.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/mounts.h"
#include "sandbox/root.h"
#include "sandbox/tree.h"

namespace testctr::sandbox {
namespace {

// /run and /tmp hold the sockets of the machine's services, which a read-only mount would not keep anybody
// from.
constexpr std::string_view own_entries[] = {"dev", "proc",    "sys",  "run",
                                            "tmp", "testctr", "work", "lost+found"};

Status make(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0) return Error::system("mkdir", path);
  return {};
}

Status bind_entry(const HostEntry& entry, int source) {
  struct stat st {};
  if (fstat(source, &st) != 0) return Error::system("fstat", entry.name);
  if (S_ISDIR(st.st_mode)) {
    CHECK_OK(make("root/" + entry.name, 0755));
  } else {
    TRY(sys::open("root/" + entry.name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0644));
  }
  return bind(source, {AT_FDCWD, "root/" + entry.name},
              {.read_only = true, .recursive = S_ISDIR(st.st_mode)});
}

Status overlay_entry(const HostEntry& entry, size_t number, int source, std::vector<std::string>& notes) {
  const std::string upper = fmt::format("up/{}", number), work = fmt::format("wk/{}", number);
  CHECK_OK(make(upper, 0755));
  CHECK_OK(make(work, 0755));
  CHECK_OK(make("root/" + entry.name, 0755));
  struct stat st {};
  if (fstat(source, &st) != 0) return Error::system("fstat", entry.name);
  if (chmod(upper.c_str(), st.st_mode & 07777) != 0) return Error::system("chmod", upper);
  Status mounted =
      mount_new("overlay", {AT_FDCWD, "root/" + entry.name}, MS_NODEV,
                fmt::format("lowerdir=l/{},upperdir={},workdir={},userxattr", number, upper, work));
  if (mounted.ok()) return {};
  notes.push_back(
      fmt::format("/{} is read-only: it cannot be overlaid ({})", entry.name, mounted.error().message()));
  return bind(source, {AT_FDCWD, "root/" + entry.name}, {.read_only = true, .recursive = true});
}

}  // namespace

std::vector<std::string> mount_points(std::string_view mountinfo) {
  std::vector<std::string> points;
  for (std::string_view line : text::lines(mountinfo)) {
    auto fields = text::split(line, ' ');
    if (fields.size() > 5) points.push_back(unescape_mount_point(fields[4]));
  }
  return points;
}

HostEntry::Kind kind_of_directory(const std::string& path, const std::vector<std::string>& points) {
  bool mounts_below = std::any_of(points.begin(), points.end(),
                                  [&](const std::string& point) { return point.starts_with(path + "/"); });
  return mounts_below ? HostEntry::Kind::bind : HostEntry::Kind::overlay;
}

Result<std::vector<HostEntry>> host_entries() {
  auto points = mount_points(TRY(sys::read_file("/proc/self/mountinfo")));
  Fd root = TRY(sys::open("/", O_RDONLY | O_DIRECTORY));
  std::vector<HostEntry> entries;
  for (const std::string& name : TRY(sys::list_dir(root.get()))) {
    if (std::find(std::begin(own_entries), std::end(own_entries), name) != std::end(own_entries)) continue;
    auto st = TRY(sys::stat_at(root.get(), name));
    if (!st) continue;
    if (S_ISLNK(st->st_mode)) {
      entries.push_back({name, HostEntry::Kind::link, TRY(sys::read_link_at(root.get(), name))});
    } else if (S_ISDIR(st->st_mode)) {
      entries.push_back({name, kind_of_directory("/" + name, points), ""});
    } else if (S_ISREG(st->st_mode)) {
      entries.push_back({name, HostEntry::Kind::bind, ""});
    }
  }
  return entries;
}

Status mount_host_root(const Plan& plan, const Handed& handed, std::vector<std::string>& notes) {
  {
    Fd root = TRY(sys::open("root", O_PATH | O_DIRECTORY));
    CHECK_OK(bind(root.get(), {AT_FDCWD, "root"}, {.read_only = false, .nosuid = false}));
  }
  for (const char* dir : {"dev", "proc", "sys", "run", "testctr", "testctr/bin", "work"})
    CHECK_OK(make(std::string("root/") + dir, 0755));
  CHECK_OK(make("root/tmp", 01777));
  if (!plan.spec.tree.empty()) CHECK_OK(make("root/testctr/tree", 0755));
  TRY(sys::open("root/testctr/bin/testctr-script", O_CREAT | O_EXCL | O_WRONLY, 0644));
  if (::symlink("testctr-script", "root/testctr/bin/testctr") != 0)
    return Error::system("symlink", "testctr");
  size_t number = 0;
  for (const HostEntry& entry : plan.host_entries) {
    if (entry.kind == HostEntry::Kind::link) {
      if (symlink(entry.target.c_str(), ("root/" + entry.name).c_str()) != 0)
        return Error::system("symlink", entry.name);
      continue;
    }
    const std::string lower = fmt::format("l/{}", number);
    struct stat st {};
    if (stat(("/" + entry.name).c_str(), &st) != 0) return Error::system("stat", entry.name);
    if (handed.layers.empty()) {
      if (symlink(("/" + entry.name).c_str(), lower.c_str()) != 0) return Error::system("symlink", lower);
    } else {
      if (S_ISDIR(st.st_mode)) {
        CHECK_OK(make(lower, 0755));
      } else {
        TRY(sys::open(lower, O_CREAT | O_EXCL | O_WRONLY, 0644));
      }
      CHECK_OK(place(handed.layers[number].get(), {AT_FDCWD, lower}));
    }
    Fd source = TRY(sys::open(lower, O_PATH));
    CHECK_OK((entry.kind == HostEntry::Kind::overlay ? overlay_entry(entry, number, source.get(), notes)
                                                     : bind_entry(entry, source.get()))
                 .in("/" + entry.name));
    ++number;
  }
  std::vector<std::string> reachable;
  for (const HostEntry& entry : plan.host_entries) {
    struct stat st {};
    // Only a directory can hold sockets; through an overlay they are others, which nobody listens to.
    if (entry.kind == HostEntry::Kind::bind && stat(("/" + entry.name).c_str(), &st) == 0 &&
        S_ISDIR(st.st_mode))
      reachable.push_back("/" + entry.name);
  }
  if (!reachable.empty()) {
    notes.push_back(fmt::format(
        "hostfs: sockets of this machine below {} can be connected to: there are mounts below, so it is not "
        "overlaid",
        text::join(reachable, ", ")));
  }
  if (plan.rank != Plan::Rank::root)
    notes.emplace_back("hostfs: inside, only files that belong to the calling user can be changed");
  if (plan.shifted)
    notes.emplace_back(
        "hostfs: inside, this machine's files are nobody's: what everybody may read can be read, none can be "
        "changed");
  return {};
}

}  // namespace testctr::sandbox
