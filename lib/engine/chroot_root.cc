#include "engine/chroot_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "engine/merged_copy.h"
#include "sandbox/entry_copy.h"
#include "sandbox/furnish.h"
#include "sandbox/ids.h"
#include "sandbox/plan.h"
#include "sandbox/tree.h"

namespace testctr::engine {
namespace {

// What is shown inside, opened while the way to it is there.
struct Sources {
  Fd program, tree;
  std::vector<Fd> binds;
  std::string resolv_conf;
};

Result<Sources> open_sources(const sandbox::Spec& spec) {
  Sources sources;
  if (!spec.program.empty()) sources.program = TRY(sys::open(spec.program, O_RDONLY));
  if (!spec.tree.empty()) sources.tree = TRY(sys::open(spec.tree, O_RDONLY | O_DIRECTORY));
  for (const sandbox::Bind& bind : spec.binds)
    sources.binds.push_back(TRY(sys::open(bind.source, O_RDONLY | O_NONBLOCK | O_NOCTTY)));
  if (spec.network != sandbox::Network::host) return sources;
  auto content = sys::read_file("/etc/resolv.conf", size_t{64} << 10);
  if (content.ok()) sources.resolv_conf = std::move(content).value();
  return sources;
}

Status enter(const std::string& root) {
  if (::chroot(root.c_str()) != 0) return Error::system("chroot", root);
  if (::chdir("/") != 0) return Error::system("chdir", "/");
  return {};
}

// From here on a path is one of the copy. What must be a true directory is made anew: an image may have a
// link there.
Status make_own(const std::string& path, mode_t mode = 0755) {
  CHECK_OK(sys::remove_tree(path));
  CHECK_OK(sys::make_dir_at(AT_FDCWD, path, mode));
  if (::chmod(path.c_str(), mode) != 0) return Error::system("chmod", path);
  return {};
}

struct Device {
  const char* name;
  unsigned major_number, minor_number;
};
constexpr Device devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                              {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

// Without the devices where none may be made or used; then there is nothing in their place, which says more
// than a file would.
Status make_devices(std::vector<std::string>& notes) {
  CHECK_OK(make_own("/dev"));
  CHECK_OK(make_own("/dev/shm", 01777));
  CHECK_OK(make_own("/dev/pts"));
  std::string refused;
  for (const Device& device : devices) {
    const std::string path = std::string("/dev/") + device.name;
    if (::mknod(path.c_str(), S_IFCHR | 0666, makedev(device.major_number, device.minor_number)) != 0) {
      refused = Error::system("mknod", path).message();
      break;
    }
    if (::chmod(path.c_str(), 0666) != 0) return Error::system("chmod", path);
  }
  if (refused.empty()) {
    auto opened = sys::open("/dev/null", O_RDWR);
    if (opened.ok()) return {};
    refused = opened.error().message();
  }
  for (const Device& device : devices) (void)::unlink((std::string("/dev/") + device.name).c_str());
  notes.push_back(fmt::format("/dev has no devices, not even /dev/null: {}", refused));
  return {};
}

Status copy_file(int from, const std::string& path, mode_t mode) {
  Fd to = TRY(sys::open(path, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW, 0600));
  CHECK_OK(sandbox::copy_content(from, to.get(), path));
  if (fchmod(to.get(), mode & 07777) != 0) return Error::system("fchmod", path);
  return {};
}

Status copy_folder(int from, const std::string& path, const std::vector<std::string>& hidden,
                   std::vector<std::string>& notes) {
  std::vector<std::string> skipped;
  Fd to = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  CHECK_OK(sandbox::copy_below(from, to.get(), hidden, skipped));
  for (const std::string& name : skipped)
    notes.push_back(
        fmt::format("{}/{} is a socket or a device and was left out", path, text::printable(name)));
  return {};
}

Status add_bind(const sandbox::Bind& bind, int source, std::vector<std::string>& notes) {
  if (bind.target == "/work") return {};  // one place alone works there: it has its own
  struct stat st {};
  if (fstat(source, &st) != 0) return Error::system("fstat", bind.source);
  if (S_ISDIR(st.st_mode)) {
    CHECK_OK(sys::make_dirs(bind.target, 0755));
    // What a mount hides.
    Fd there = TRY(sys::open(bind.target, O_RDONLY | O_DIRECTORY));
    for (const std::string& name : TRY(sys::list_dir(there.get())))
      CHECK_OK(sys::remove_tree_at(there.get(), name));
    return copy_folder(source, bind.target, {}, notes);
  }
  if (!S_ISREG(st.st_mode))
    return Error::usage(fmt::format("{} is neither a file nor a folder", bind.source));
  const size_t slash = bind.target.rfind('/');
  if (slash != 0) CHECK_OK(sys::make_dirs(bind.target.substr(0, slash), 0755));
  CHECK_OK(sys::remove_tree(bind.target));
  return copy_file(source, bind.target, st.st_mode);
}

// The image's user, to whom what he writes to belongs.
Result<sandbox::Account> account_of(const sandbox::Spec& spec) {
  const auto text_of = [](const char* path) {
    auto text = sys::read_file(path, size_t{1} << 20);
    return text.ok() ? std::move(text).value() : "";
  };
  return sandbox::resolve_user(spec.user.empty() ? "0" : spec.user, text_of("/etc/passwd"),
                               text_of("/etc/group"));
}

Status make_owned(const std::string& path, const sandbox::Account& account) {
  CHECK_OK(make_own(path));
  if (account.uid != 0 && ::chown(path.c_str(), account.uid, account.gid) != 0)
    return Error::system("chown", path);
  return {};
}

Status furnish(const sandbox::Spec& spec, const Sources& sources, std::vector<std::string>& notes) {
  for (const char* path : {"/proc", "/sys", "/testctr", "/testctr/bin"}) CHECK_OK(make_own(path));
  CHECK_OK(make_devices(notes).in("making /dev"));
  if (sources.program.valid())
    CHECK_OK(copy_file(sources.program.get(), "/testctr/bin/testctr-script", 0755));
  if (::symlink("testctr-script", "/testctr/bin/testctr") != 0) return Error::system("symlink", "testctr");
  const sandbox::Account account = TRY(account_of(spec));
  CHECK_OK(make_owned("/work", account));
  CHECK_OK(make_owned("/testctr/run", account));
  if (sources.tree.valid()) {
    CHECK_OK(make_own("/testctr/tree"));
    CHECK_OK(copy_folder(sources.tree.get(), "/testctr/tree", spec.tree_hidden, notes)
                 .in("copying the test tree"));
  }
  sandbox::Plan plan;
  struct utsname system {};
  uname(&system);
  plan.spec.hostname = system.nodename;
  plan.spec.names = spec.names;
  Fd root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
  CHECK_OK(sandbox::add_files(root.get(), plan, sources.resolv_conf));
  for (size_t i = 0; i < spec.binds.size(); ++i) {
    CHECK_OK(add_bind(spec.binds[i], sources.binds[i].get(), notes)
                 .in(fmt::format("copying {} to {}", text::quoted(spec.binds[i].source),
                                 text::quoted(spec.binds[i].target))));
  }
  if (spec.working_dir.starts_with('/')) {
    Status made = sys::make_dirs(spec.working_dir, 0755);
    if (!made.ok()) notes.push_back("the image's WorkingDir cannot be made: " + made.error().message());
  }
  return {};
}

}  // namespace

Status enter_copy(const sandbox::Spec& spec, const std::string& root, std::vector<std::string>& notes) {
  umask(0);
  const Sources sources = TRY(open_sources(spec));
  CHECK_OK(sys::make_dir_at(AT_FDCWD, root, 0755));
  {
    Fd copy = TRY(sys::open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    struct statvfs system {};
    if (fstatvfs(copy.get(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
      return Error::infrastructure(fmt::format("no program can be started in {}: it is mounted noexec", root))
          .hint("TMPDIR names a folder for the copy of the image in which programs can be started");
    CHECK_OK(copy_merged(spec.root.layers, spec.root.mode, copy.get(), notes));
  }
  CHECK_OK(enter(root));
  return furnish(spec, sources, notes);
}

}  // namespace testctr::engine
