// The filters that the build made, and the small one of the thread that answers their notifications.
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/sanitizer.h"
#include "sandbox/filter.h"

namespace testctr::sandbox {
namespace {

#include "sandbox/default_filters.inc"

#if defined(__x86_64__)
constexpr uint32_t native_architecture = AUDIT_ARCH_X86_64;
#else
#error "the supervisor's filter is not known for this architecture"
#endif

// What the supervising thread calls, directly and through the C library (memory, locks, the end of a thread).
constexpr int supervisor_calls[] = {
    SYS_read,
    SYS_write,
    SYS_poll,
    SYS_ppoll,
    SYS_ioctl,
    SYS_futex,
    SYS_openat,
    SYS_close,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_exit,
    SYS_exit_group,
    SYS_kill,
    SYS_wait4,
    SYS_waitid,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_getpid,
    SYS_gettid,
    SYS_seccomp,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_sched_yield,
    SYS_rt_sigaction,
    SYS_tgkill,
#ifdef TESTCTR_SANITIZED
    // Before every call that does not return, and for a report.
    SYS_sigaltstack,
    SYS_nanosleep,
    SYS_prlimit64,
    SYS_newfstatat,
    SYS_fstat,
    SYS_lseek,
    SYS_pread64,
    SYS_readlink,
#endif
};

// Where it follows what is touched (follow.cc): memory of others, links, beginnings of programs.
constexpr int following_calls[] = {
    SYS_process_vm_readv, SYS_readlink, SYS_readlinkat, SYS_lstat, SYS_newfstatat, SYS_pread64,
};

template <bool following>
constexpr auto make_supervisor() {
  constexpr size_t common = std::size(supervisor_calls),
                   calls = common + (following ? std::size(following_calls) : 0);
  std::array<sock_filter, calls + 6> program{};
  size_t at = 0;
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  program[at++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 1, 0);
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (size_t i = 0; i < calls; ++i) {
    const int call = i < common ? supervisor_calls[i] : following_calls[i - common];
    program[at++] =
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), static_cast<uint8_t>(calls - i), 0);
  }
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return program;
}

constexpr auto supervisor_program = make_supervisor<false>();
constexpr auto following_program = make_supervisor<true>();

}  // namespace

std::span<const sock_filter> default_filter(bool notify, bool fake) {
  if (notify)
    return fake ? std::span<const sock_filter>(notify_fake_program)
                : std::span<const sock_filter>(notify_program);
  return fake ? std::span<const sock_filter>(errno_fake_program)
              : std::span<const sock_filter>(errno_program);
}

std::string_view default_table_text() { return {table_text, sizeof table_text - 1}; }

std::vector<sock_filter> with_notifications(std::span<const sock_filter> program) {
  std::vector<sock_filter> result(program.begin(), program.end());
  for (sock_filter& i : result) {
    if (i.code == (BPF_RET | BPF_K) && i.k == (SECCOMP_RET_ERRNO | EPERM)) i.k = SECCOMP_RET_USER_NOTIF;
  }
  return result;
}

std::span<const sock_filter> supervisor_filter(bool following) {
  if (following) return following_program;
  return supervisor_program;
}

}  // namespace testctr::sandbox
