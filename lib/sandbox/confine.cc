#include "sandbox/confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/proc.h"
#include "base/sys.h"

namespace testctr::sandbox {
namespace {

constexpr int kept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,  CAP_FOWNER,           CAP_SETGID,
                        CAP_SETUID, CAP_SETFCAP,      CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
                        CAP_KILL};

// Where the kernel has no close_range.
Status close_by_list(int first, int last) {
  const proc::Place list = proc::place("self/fd");
  Fd dir = TRY(sys::open_at(list.directory, list.path, O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(dir.get()))) {
    int fd = std::atoi(name.c_str());
    if (fd >= first && fd <= last && fd != dir.get()) ::close(fd);
  }
  return {};
}

Status close_between(int first, int last) {
  if (first > last) return {};
  if (syscall(SYS_close_range, first, last, 0) == 0) return {};
  if (errno != ENOSYS && errno != EPERM)
    return Error::system("close_range", fmt::format("{}, {}", first, last));
  return close_by_list(first, last);
}

Status clamp(int resource, const char* name, rlim_t wanted) {
  struct rlimit now {};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0) return Error::system("getrlimit", name);
  rlim_t value = std::min(wanted, now.rlim_max);
  struct rlimit next {
    .rlim_cur = value, .rlim_max = value
  };
  if (setrlimit(static_cast<__rlimit_resource>(resource), &next) != 0)
    return Error::system("setrlimit", name);
  return {};
}

}  // namespace

uint64_t kept_capabilities(const Plan& plan) { return plan.account.uid == 0 ? kept_capabilities() : 0; }

uint64_t kept_capabilities() {
  uint64_t set = 0;
  for (int capability : kept) set |= uint64_t{1} << capability;
  return set;
}

Status limit_bounding_set(uint64_t keep) {
  for (int capability = 0; capability < 64; ++capability) {
    if ((keep >> capability & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;  // past the kernel's last
      return Error::system("prctl", fmt::format("PR_CAPBSET_DROP, {}", capability));
    }
  }
  return {};
}

Status drop_capabilities(uint64_t keep) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return Error::system("prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return Error::system("capget", "");
  for (int half = 0; half < 2; ++half) {
    data[half].permitted &= static_cast<uint32_t>(keep >> (32 * half));
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return Error::system("capset", "");
  return {};
}

Status become(uid_t uid, gid_t gid, const std::vector<gid_t>* groups) {
  // The C library's wrappers would do it to all threads.
  if (groups != nullptr && syscall(SYS_setgroups, groups->size(), groups->data()) != 0)
    return Error::system("setgroups", "");
  if (syscall(SYS_setresgid, gid, gid, gid) != 0) return Error::system("setresgid", std::to_string(gid));
  if (syscall(SYS_setresuid, uid, uid, uid) != 0) return Error::system("setresuid", std::to_string(uid));
  return {};
}

Status become_root() {
  const std::vector<gid_t> none;
  return become(0, 0, &none);
}

Status drop_privileges(const Plan& plan) {
  if (plan.rank != Plan::Rank::single && (plan.account.uid != 0 || plan.account.gid != 0)) {
    CHECK_OK(become(plan.account.uid, plan.account.gid, &plan.account.groups));
  }
  CHECK_OK(drop_capabilities(kept_capabilities(plan)));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_NO_NEW_PRIVS");
  return {};
}

Status close_all_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  int first = 3;
  for (int fd : keep) {
    CHECK_OK(close_between(first, fd - 1));
    first = std::max(first, fd + 1);
  }
  return close_between(first, INT32_MAX);
}

Status set_limits(uint64_t processes) {
  CHECK_OK(clamp(RLIMIT_CORE, "RLIMIT_CORE", 0));
  if (processes != 0) CHECK_OK(clamp(RLIMIT_NPROC, "RLIMIT_NPROC", processes));
  // Programs that close every possible descriptor take minutes where the limit is a thousand million.
  return clamp(RLIMIT_NOFILE, "RLIMIT_NOFILE", 1 << 20);
}

Result<Fd> install_filter(std::span<const sock_filter> program, bool listen) {
  sock_fprog code{.len = static_cast<unsigned short>(program.size()),
                  .filter = const_cast<sock_filter*>(program.data())};
  long fd =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listen ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U, &code);
  if (fd < 0)
    return Error::system("seccomp",
                         listen ? "SECCOMP_SET_MODE_FILTER, NEW_LISTENER" : "SECCOMP_SET_MODE_FILTER");
  return listen ? Fd(static_cast<int>(fd)) : Fd();
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal)
    sigaction(signal, &action, nullptr);  // fails for KILL and STOP
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace testctr::sandbox
