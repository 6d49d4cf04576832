#include "sandbox/path_calls.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <map>

#include "sandbox/confine.h"

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace testctr::sandbox {
namespace {

using Kind = PathCall::Kind;
using Name = PathCall::Name;

constexpr PathCall calls[] = {
    {"access", {{-1, 0}, {}}},
    {"chdir", {{-1, 0}, {}}, Kind::changes_directory},
    {"chmod", {{-1, 0}, {}}},
    {"chown", {{-1, 0}, {}}},
    {"chown32", {{-1, 0}, {}}},
    {"chroot", {{-1, 0}, {}}},
    {"creat", {{-1, 0}, {}}},
    {"execve", {{-1, 0}, {}}, Kind::executes},
    {"execveat", {{0, 1}, {}}, Kind::executes},
    {"faccessat", {{0, 1}, {}}},
    {"faccessat2", {{0, 1}, {}}},
    {"fchmodat", {{0, 1}, {}}},
    {"fchmodat2", {{0, 1}, {}}},
    {"fchownat", {{0, 1}, {}}},
    {"fstatat64", {{0, 1}, {}}},
    {"futimesat", {{0, 1}, {}}},
    {"getdents", {}, Kind::lists},
    {"getdents64", {}, Kind::lists},
    {"getxattr", {{-1, 0}, {}}},
    {"getxattrat", {{0, 1}, {}}},
    {"inotify_add_watch", {{-1, 1}, {}}},
    {"lchown", {{-1, 0}, {}}},
    {"lchown32", {{-1, 0}, {}}},
    {"lgetxattr", {{-1, 0}, {}}},
    {"link", {{-1, 0}, {-1, 1}}},
    {"linkat", {{0, 1}, {2, 3}}},
    {"listxattr", {{-1, 0}, {}}},
    {"listxattrat", {{0, 1}, {}}},
    {"llistxattr", {{-1, 0}, {}}},
    {"lremovexattr", {{-1, 0}, {}}},
    {"lsetxattr", {{-1, 0}, {}}},
    {"lstat", {{-1, 0}, {}}},
    {"lstat64", {{-1, 0}, {}}},
    {"mkdir", {{-1, 0}, {}}},
    {"mkdirat", {{0, 1}, {}}},
    {"mknod", {{-1, 0}, {}}},
    {"mknodat", {{0, 1}, {}}},
    {"name_to_handle_at", {{0, 1}, {}}},
    {"newfstatat", {{0, 1}, {}}},
    {"open", {{-1, 0}, {}}},
    {"openat", {{0, 1}, {}}},
    {"openat2", {{0, 1}, {}}, Kind::scoped},
    {"readdir", {}, Kind::lists},
    {"readlink", {{-1, 0}, {}}},
    {"readlinkat", {{0, 1}, {}}},
    {"removexattr", {{-1, 0}, {}}},
    {"removexattrat", {{0, 1}, {}}},
    {"rename", {{-1, 0}, {-1, 1}}},
    {"renameat", {{0, 1}, {2, 3}}},
    {"renameat2", {{0, 1}, {2, 3}}},
    {"rmdir", {{-1, 0}, {}}},
    {"setxattr", {{-1, 0}, {}}},
    {"setxattrat", {{0, 1}, {}}},
    {"stat", {{-1, 0}, {}}},
    {"stat64", {{-1, 0}, {}}},
    {"statfs", {{-1, 0}, {}}},
    {"statfs64", {{-1, 0}, {}}},
    {"statx", {{0, 1}, {}}},
    {"symlink", {{-1, 1}, {}}},
    {"symlinkat", {{1, 2}, {}}},
    {"truncate", {{-1, 0}, {}}},
    {"truncate64", {{-1, 0}, {}}},
    {"unlink", {{-1, 0}, {}}},
    {"unlinkat", {{0, 1}, {}}},
    {"utime", {{-1, 0}, {}}},
    {"utimensat", {{0, 1}, {}}},
    {"utimensat_time64", {{0, 1}, {}}},
    {"utimes", {{-1, 0}, {}}},
};

// The same on all architectures, and younger than the library.
constexpr struct {
  std::string_view name;
  int number;
} young[] = {{"fchmodat2", 452},
             {"setxattrat", 463},
             {"getxattrat", 464},
             {"listxattrat", 465},
             {"removexattrat", 466}};

int number_of(uint32_t library_architecture, std::string_view name) {
  for (const auto& call : young)
    if (call.name == name) return call.number;
  return seccomp_syscall_resolve_name_arch(library_architecture, name.data());
}

using Numbers = std::map<uint32_t, const PathCall*>;

Numbers numbers_of(uint32_t library_architecture) {
  Numbers numbers;
  for (const PathCall& call : calls) {
    const int number = number_of(library_architecture, call.name);
    if (number >= 0) numbers.emplace(static_cast<uint32_t>(number), &call);
  }
  return numbers;
}

const Numbers* numbers_for(uint32_t architecture) {
  static const Numbers x86_64 = numbers_of(SCMP_ARCH_X86_64), i386 = numbers_of(SCMP_ARCH_X86);
  if (architecture == AUDIT_ARCH_X86_64) return &x86_64;
  return architecture == AUDIT_ARCH_I386 ? &i386 : nullptr;
}

// In front of a program: calls that take names go on at `hit` and others at `miss`, both counted from the end
// of what this makes.
std::vector<sock_filter> sorting(uint32_t hit, uint32_t miss) {
  std::vector<sock_filter> code{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch))};
  std::vector<std::pair<size_t, uint32_t>> leaps;  // where, and to what
  const auto leap = [&](uint32_t to) {
    leaps.emplace_back(code.size(), to);
    code.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
  };
  for (const uint32_t architecture : {uint32_t{AUDIT_ARCH_X86_64}, uint32_t{AUDIT_ARCH_I386}}) {
    const Numbers& numbers = *numbers_for(architecture);
    // The architecture is in the accumulator until it is one of ours.
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
    const size_t over = code.size();
    code.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
    code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    size_t left = numbers.size();
    for (const auto& [number, call] : numbers)
      code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, static_cast<uint8_t>(left--), 0));
    leap(miss);
    leap(hit);
    code[over].k = static_cast<uint32_t>(code.size() - over - 1);
  }
  leap(miss);
  for (const auto& [at, to] : leaps) code[at].k = static_cast<uint32_t>(code.size() - at - 1 + to);
  return code;
}

std::vector<sock_filter> joined(std::vector<sock_filter> first, uint32_t answer,
                                std::span<const sock_filter> program) {
  first.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
  first.insert(first.end(), program.begin(), program.end());
  return first;
}

Error too_old() {
  return Error::infrastructure("following what a run touches needs Linux 5.5: leave the following out");
}

}  // namespace

Status can_let_calls_go_on() {
  struct utsname system {};
  if (uname(&system) != 0) return too_old();
  char* end = nullptr;
  const long major = std::strtol(system.release, &end, 10);
  const long minor = *end == '.' ? std::strtol(end + 1, nullptr, 10) : 0;
  return major > 5 || (major == 5 && minor >= 5) ? Status() : too_old();
}

const PathCall* path_call(uint32_t architecture, uint32_t number) {
  const Numbers* numbers = numbers_for(architecture);
  if (numbers == nullptr) return nullptr;
  const auto found = numbers->find(number);
  return found != numbers->end() ? found->second : nullptr;
}

Result<FollowingFilters> following_filters(std::span<const sock_filter> notify,
                                           std::span<const sock_filter> silent) {
  // Of two answers the kernel takes the stricter one, and an errno is stricter than a question to a listener.
  // So each filter has to be silent where the other one speaks.
  FollowingFilters filters;
  if (!silent.empty()) filters.deciding = joined(sorting(1, 0), SECCOMP_RET_ALLOW, silent);
  // Without a filter of the container's, io_uring would open files past every other.
  const sock_filter nothing[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  filters.reporting =
      joined(sorting(0, 1), SECCOMP_RET_USER_NOTIF, notify.empty() ? std::span(nothing) : notify);
  const size_t longest = std::max(filters.deciding.size(), filters.reporting.size());
  if (longest > BPF_MAXINSNS) {
    return Error::infrastructure(
        fmt::format("the system call filter with what follows a run would have {} instructions; the kernel "
                    "takes {}",
                    longest, BPF_MAXINSNS));
  }
  return filters;
}

Result<Fd> install_following(const FollowingFilters& filters) {
  CHECK_OK(can_let_calls_go_on());
  // First the one that lets the second call pass, whatever the container's filter thinks of it.
  if (!filters.deciding.empty()) CHECK_OK(install_filter(filters.deciding, false));
  // A call that is being looked at is not to be interrupted by signals (Linux 5.19). One that still waits for
  // that is: it begins anew, or where a handler was installed without SA_RESTART, fails with EINTR.
  auto listener = install_filter(filters.reporting, true, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  if (!listener.ok() && listener.error().number() == EINVAL)
    listener = install_filter(filters.reporting, true);
  if (listener.ok()) {
    // The one hands the processor to the other (Linux 6.6); without it only takes longer.
    (void)ioctl(listener.value().get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    return listener;
  }
  if (listener.error().number() == EBUSY) {
    return Error::infrastructure(
               "what a run touches cannot be followed here: the container around us listens for its own")
        .hint("run outside of it, or leave the following out");
  }
  return listener;
}

}  // namespace testctr::sandbox
