#include "engine/guard_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
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

void load(std::vector<sock_filter>& program, size_t offset) {
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
}

}  // namespace

Status protect_from_here(const std::vector<pid_t>& processes) {
  std::vector<uint32_t> refused{1, static_cast<uint32_t>(-1)};
  for (const pid_t pid : processes) {
    refused.push_back(static_cast<uint32_t>(pid));
    refused.push_back(static_cast<uint32_t>(-pid));
  }
  constexpr uint32_t allow = SECCOMP_RET_ALLOW, refuse = SECCOMP_RET_ERRNO | EPERM;
  std::vector<sock_filter> program;
  load(program, offsetof(seccomp_data, arch));
  // Another architecture's calls have other numbers; they are for the filter above this one.
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, allow));
  for (const Call& call : calls) {
    load(program, offsetof(seccomp_data, nr));
    // Past this call's part: its argument, the comparisons, two answers.
    const auto part = static_cast<uint8_t>(refused.size() + 3);
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call.number), 0, part));
    load(program, offsetof(seccomp_data, args) + call.argument * sizeof(uint64_t));  // its lower half
    for (size_t i = 0; i < refused.size(); ++i) {
      program.push_back(
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], static_cast<uint8_t>(refused.size() - i), 0));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, allow));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, refuse));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, allow));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::system("prctl", "PR_SET_NO_NEW_PRIVS");
  auto installed = sandbox::install_filter(program, false);
  if (!installed.ok()) return std::move(installed).error();
  return {};
}

}  // namespace testctr::engine
