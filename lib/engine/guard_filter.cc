#include "engine/guard_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "sandbox/confine.h"

namespace testctr::engine {
namespace {

struct Call {
  int number;
  unsigned argument;  // that is a process
};
constexpr Call calls[] = {{SYS_kill, 0},
                          {SYS_tkill, 0},
                          {SYS_tgkill, 0},
                          {SYS_rt_sigqueueinfo, 0},
                          {SYS_rt_tgsigqueueinfo, 0},
                          {SYS_pidfd_open, 0},
                          {SYS_prlimit64, 0},
                          {SYS_process_vm_readv, 0},
                          {SYS_process_vm_writev, 0},
                          {SYS_ptrace, 1}};

class Program {
 public:
  Program() {
    load(offsetof(seccomp_data, arch));
    // Another architecture's calls have other numbers; they are for the filter above this one.
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }

  // Refuses a call where the lower half of an argument is one of these.
  void refuse(const Call& call, const std::vector<uint32_t>& values) {
    load(offsetof(seccomp_data, nr));
    const auto size = static_cast<uint8_t>(values.size());
    // Past this part: the argument, the comparisons, the answer.
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call.number), 0,
                 static_cast<uint8_t>(size + 3)));
    load(offsetof(seccomp_data, args) + call.argument * sizeof(uint64_t));
    for (uint8_t i = 0; i < size; ++i)
      add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], static_cast<uint8_t>(size - i), 0));
    add(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }

  void refuse_always(int call) {
    load(offsetof(seccomp_data, nr));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }

  Status install() {
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_NO_NEW_PRIVS");
    auto installed = sandbox::install_filter(program_, false);
    if (!installed.ok()) return std::move(installed).error();
    return {};
  }

 private:
  void add(sock_filter instruction) { program_.push_back(instruction); }
  void load(size_t offset) { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
  std::vector<sock_filter> program_;
};

}  // namespace

Status protect_from_here(const std::vector<pid_t>& processes, bool closed) {
  std::vector<uint32_t> refused{1, static_cast<uint32_t>(-1)};
  for (const pid_t pid : processes) {
    refused.push_back(static_cast<uint32_t>(pid));
    refused.push_back(static_cast<uint32_t>(-pid));
  }
  Program program;
  for (const Call& call : calls) program.refuse(call, refused);
  if (closed) {
    program.refuse({SYS_ptrace, 0}, {PTRACE_ATTACH, PTRACE_SEIZE});
    program.refuse_always(SYS_pidfd_getfd);
  }
  return program.install();
}

}  // namespace testctr::engine
