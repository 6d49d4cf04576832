#include "sandbox/doctor.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/cgroup.h"
#include "sandbox/confine.h"
#include "sandbox/container.h"
#include "sandbox/plan.h"
#include "sandbox/shifted.h"
#include "sandbox/support.h"
#include "sandbox/watch.h"

namespace testctr::sandbox {
namespace {

using Grade = Finding::Grade;

// The steps of the trial, in order; each is told by its errno, 0 when it worked. A step that is missing was
// not reached.
class Trial {
 public:
  explicit Trial(int out) : out_(out) {}

  // In a child process that may do with itself what it likes.
  void run() {
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    if (!step("user", unshare(CLONE_NEWUSER))) return;
    bool mapped = put("/proc/self/setgroups", "deny") &&
                  put("/proc/self/uid_map", fmt::format("0 {} 1", uid)) &&
                  put("/proc/self/gid_map", fmt::format("0 {} 1", gid));
    if (!step("map", mapped ? 0 : -1)) return;
    if (!step("namespaces", unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                    CLONE_NEWCGROUP)))
      return;
    loopback();
    // One child for both: it is the first process of the new PID namespace, and there can be no other after
    // it.
    in_child([&] {
      step("proc", mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
      notifications();
    });
    overlay();
  }

 private:
  bool step(const char* name, long result) {
    dprintf(out_, "%s %d\n", name, result < 0 ? errno : 0);
    return result >= 0;
  }

  static bool put(const char* path, const std::string& content) {
    Fd file(::open(path, O_WRONLY | O_CLOEXEC));
    return file.valid() &&
           ::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size());
  }

  static void in_child(const std::function<void()>& work) {
    pid_t pid = fork();
    if (pid == 0) {
      work();
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
  }

  void loopback() {
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    struct ifreq request {};
    memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP;
    step("loopback", ioctl(socket.get(), SIOCSIFFLAGS, &request));
  }

  void notifications() {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    auto listener = install_filter(allow, true);
    errno = listener.ok() ? 0 : listener.error().number();
    step("notify", listener.ok() ? 0 : -1);
    auto plain = install_filter(allow, false);
    errno = plain.ok() ? 0 : plain.error().number();
    step("seccomp", plain.ok() ? 0 : -1);
  }

  // Two lower layers, the upper one with an opaque directory: what lies below it must not be seen.
  void overlay() {
    const char* place = access("/sys", F_OK) == 0 ? "/sys" : "/tmp";
    if (!step("tmpfs", mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")) || chdir(place) != 0)
      return;
    for (const char* dir : {"a", "a/d", "a/d/below", "b", "b/d", "up", "wk", "to"}) mkdir(dir, 0755);
    step("xattr", setxattr("b/d", "user.overlay.opaque", "y", 1, 0));
    if (!step("overlay",
              mount("overlay", "to", "overlay", MS_NODEV, "lowerdir=b:a,upperdir=up,workdir=wk,userxattr")))
      return;
    errno = EIO;
    step("opaque", access("to/d/below", F_OK) == 0 ? -1 : 0);
    step("whiteout", rmdir("to/d") == 0 && mkdir("to/d", 0755) == 0 ? 0 : -1);
  }

  int out_;
};

std::map<std::string, int> trial() {
  std::map<std::string, int> results;
  auto ends = sys::pipe();
  if (!ends.ok()) return results;
  auto [reader, writer] = std::move(ends).value();
  pid_t pid = fork();
  if (pid == 0) {
    Trial(writer.get()).run();
    _exit(0);
  }
  writer.reset();
  auto output = sys::read_all(reader.get(), size_t{64} << 10);
  waitpid(pid, nullptr, 0);
  for (const std::string& line : text::split(output.ok() ? output.value() : "", '\n')) {
    auto words = text::split(line, ' ');
    if (words.size() == 2) results[words[0]] = std::atoi(words[1].c_str());
  }
  return results;
}

std::string reason(int number) {
  return number == 0 ? "works" : strerrordesc_np(number) != nullptr ? strerrordesc_np(number) : "fails";
}

std::string apparmor_profile() {
  auto self = sys::self_path();
  return fmt::format(
      "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile testctr-script {} flags=(unconfined) {{ "
      "userns, }}\\n' | sudo tee /etc/apparmor.d/testctr-script && "
      "sudo apparmor_parser -r /etc/apparmor.d/testctr-script",
      self.ok() ? self.value() : "/usr/local/bin/testctr-script");
}

class Examination {
 public:
  Examination(std::string store, std::map<std::string, int> results)
      : store_(std::move(store)), results_(std::move(results)) {}

  std::vector<Finding> all() {
    machine();
    namespaces();
    if (reached("proc")) {
      simple("proc", "a fresh /proc", Grade::limited, "the /proc of the container around us is shown inside",
             "docker run --security-opt systempaths=unconfined, or podman run --security-opt unmask=ALL");
    }
    if (reached("loopback")) simple("loopback", "a network of its own", Grade::broken, "", "");
    overlay();
    filter();
    ids();
    limits();
    file_system();
    start();
    return std::move(findings_);
  }

 private:
  bool reached(const char* step) const { return results_.contains(step); }
  bool works(const char* step) const { return reached(step) && results_.at(step) == 0; }

  void add(Grade grade, std::string subject, std::string detail, std::string mend = "") {
    findings_.push_back({.grade = grade,
                         .subject = std::move(subject),
                         .detail = std::move(detail),
                         .mend = std::move(mend)});
  }

  void simple(const char* step, const char* subject, Grade otherwise, const std::string& detail,
              const std::string& mend) {
    int number = results_.at(step);
    if (number == 0) return add(Grade::good, subject, "works");
    add(otherwise, subject, detail.empty() ? reason(number) : fmt::format("{}: {}", reason(number), detail),
        mend);
  }

  void machine() {
    struct utsname system {};
    uname(&system);
    std::string where;
    if (access("/.dockerenv", F_OK) == 0) where = ", inside a container of Docker";
    if (access("/run/.containerenv", F_OK) == 0) where = ", inside a container of Podman";
    add(Grade::good, "machine",
        fmt::format("Linux {} on {}{}, as {}", system.release, system.machine, where,
                    geteuid() == 0 ? "root" : fmt::format("user {}", geteuid())));
  }

  void namespaces() {
    for (const char* step : {"user", "map", "namespaces"}) {
      if (works(step)) continue;
      int number = reached(step) ? results_.at(step) : 0;
      auto setting = sys::read_file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 64);
      bool apparmor = setting.ok() && text::trim(setting.value()) == "1";
      return add(Grade::broken, "user namespaces", reason(number),
                 apparmor ? apparmor_profile() : namespace_hint(number));
    }
    add(Grade::good, "user namespaces", "work, with mount, PID, network, IPC, UTS and cgroup namespaces");
  }

  void overlay() {
    if (!reached("overlay")) return;
    if (!works("overlay"))
      return simple("overlay", "overlayfs", Grade::broken, "overlayfs in a user namespace needs Linux 5.11",
                    "use Linux 5.11 or newer");
    if (!works("opaque"))
      return add(Grade::broken, "overlayfs", "ignores opaque directories: deleted files would reappear",
                 "use Linux 5.11 or newer");
    if (!works("xattr") || !works("whiteout")) {
      return add(Grade::limited, "overlayfs",
                 "a directory of the image cannot be removed and made again: tmpfs has no user attributes "
                 "before Linux 6.6",
                 "use Linux 6.6 or newer");
    }
    add(Grade::good, "overlayfs", "works, opaque directories and whiteouts too");
  }

  void filter() {
    if (!reached("seccomp")) return;
    if (!works("seccomp"))
      return simple("seccomp", "system call filter", Grade::broken, "",
                    "use a kernel with CONFIG_SECCOMP_FILTER");
    if (!works("notify"))
      return add(Grade::limited, "system call filter",
                 fmt::format("works; denied calls are not recorded ({})", reason(results_.at("notify"))), "");
    add(Grade::good, "system call filter", "works, denied calls are recorded");
  }

  void ids() {
    auto caller = Caller::current();
    if (!caller.ok()) return add(Grade::broken, "ids", caller.error().message(), "mount /proc");
    if (caller.value().real_root() && !id_mapping_available()) {
      return add(
          Grade::limited, "ids",
          "root without id-mapped mounts: images are copied for each run, hostfs shows nobody's files, "
          "and there is no --mount, no --work-directory and no test in several places",
          "use Linux 5.12 or newer, with CAP_SYS_ADMIN; or run as an ordinary user");
    }
    if (caller.value().real_root())
      return add(Grade::good, "ids", "root: 65536 high ids, the real root is never mapped");
    auto ranges = subordinate_ranges(caller.value().subuid, caller.value().name, caller.value().uid);
    if (ranges.empty()) {
      return add(Grade::good, "ids",
                 "one id: chown, setuid and their kin succeed without effect (no subordinate ids in "
                 "/etc/subuid for --ids range)",
                 fmt::format("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}",
                             caller.value().name.empty() ? std::to_string(geteuid()) : caller.value().name));
    }
    bool helpers = access("/usr/bin/newuidmap", X_OK) == 0 && access("/usr/bin/newgidmap", X_OK) == 0;
    add(Grade::good, "ids",
        fmt::format("one id by default; --ids range {}",
                    helpers ? "has subordinate ids" : "needs newuidmap and newgidmap"),
        helpers ? "" : "sudo apt-get install uidmap");
  }

  void limits() {
    struct utsname system {};
    uname(&system);
    const bool counts = geteuid() == 0 || process_limit_is_per_namespace(system.release);
    const Group group =
        Group::make({.memory = uint64_t{1} << 30, .cpus = 1, .memory_asked = true, .pids_asked = true});
    const std::string memory = group.memory().empty() ? "our own watch" : group.memory(),
                      pids = !group.pids().empty() ? group.pids()
                             : counts              ? "RLIMIT_NPROC"
                                      : "nothing (RLIMIT_NPROC counts by namespace since Linux 5.14)",
                      cpus = group.cpus().empty() ? "nothing" : group.cpus();
    add(counts || !group.pids().empty() ? Grade::good : Grade::limited, "limits",
        fmt::format("--memory by {}, --pids by {}, --cpus by {}", memory, pids, cpus),
        group.cpus().empty() ? "for --cpus: systemd-run --user --scope -p Delegate=yes testctr-script ..."
                             : "");
  }

  void no_store(const std::string& detail) {
    add(Grade::broken, "store", detail, "set TESTCTR_HOME to a directory that can be written");
    findings_.back().everywhere = true;
  }

  void file_system() {
    struct statfs fs {};
    if (statfs(store_.c_str(), &fs) != 0) return no_store(fmt::format("{}: {}", store_, reason(errno)));
    const std::string probe = store_ + fmt::format("/.doctor-{}", getpid());
    int xattr = EIO;
    if (mkdir(probe.c_str(), 0700) == 0) {
      xattr = setxattr(probe.c_str(), "user.overlay.opaque", "y", 1, 0) == 0 ? 0 : errno;
      rmdir(probe.c_str());
    } else {
      return no_store(fmt::format("{} cannot be written: {}", store_, reason(errno)));
    }
    if (fs.f_type == NFS_SUPER_MAGIC)
      return add(Grade::limited, "store", fmt::format("{} is on NFS: slow, and locks may fail", store_),
                 "set TESTCTR_HOME to a local directory");
    if (xattr != 0)
      return add(Grade::limited, "store",
                 fmt::format("{} has no user attributes ({})", store_, reason(xattr)),
                 "set TESTCTR_HOME to a directory on ext4, xfs, btrfs or tmpfs");
    add(Grade::good, "store", fmt::format("{}, with user attributes", store_));
  }

  // The real thing, with an empty image.
  void start() {
    std::string layer = store_ + "/.doctor-XXXXXX";
    if (mkdtemp(layer.data()) == nullptr) return;
    Spec spec;
    spec.root.layers = {layer};
    auto container = Container::start(spec, [](Inside&) { return 0; });
    if (!container.ok()) {
      add(Grade::broken, "a container", container.error().message(), container.error().hint());
    } else if (auto ending = container.value().finish(); !ending.ok()) {
      add(Grade::broken, "a container", ending.error().message(), ending.error().hint());
    } else if (ending.value().setup_error) {
      add(Grade::broken, "a container", ending.value().setup_error->message(),
          ending.value().setup_error->hint());
    } else {
      bool fine = ending.value().exit_status == 0;
      add(fine ? Grade::good : Grade::broken, "a container",
          fine ? "starts and ends"
               : fmt::format("ends with status {}, signal {}", ending.value().exit_status,
                             ending.value().signal));
    }
    rmdir(layer.c_str());
  }

  std::string store_;
  std::map<std::string, int> results_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> examine(const std::string& store) { return Examination(store, trial()).all(); }

}  // namespace testctr::sandbox
