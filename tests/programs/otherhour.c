// otherhour SECONDS PROGRAM ARG...: runs a program whose clock is that much ahead, a static one too, which no preloaded library
// reaches. It is traced: at each exec the vDSO is taken from it, so that it has to ask the kernel for the time, and the answers are
// changed. Programs that it starts have their own time. The last line on stderr says how many answers were changed.
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
int main(void) {
  fputs("otherhour: not for this machine\n", stderr);
  return 77;
}
#else

static long peek(pid_t pid, uint64_t at) { return ptrace(PTRACE_PEEKDATA, pid, (void*)at, NULL); }
static void poke(pid_t pid, uint64_t at, long value) { ptrace(PTRACE_POKEDATA, pid, (void*)at, (void*)value); }

// On the new stack: argc, argv, NULL, envp, NULL, auxv.
static void hide_vdso(pid_t pid) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, pid, NULL, &regs);
  uint64_t at = regs.rsp;
  at += 8 * (uint64_t)(peek(pid, at) + 2);
  while (peek(pid, at) != 0) at += 8;
  for (at += 8; peek(pid, at) != AT_NULL; at += 16)
    if (peek(pid, at) == AT_SYSINFO_EHDR) poke(pid, at, AT_IGNORE);
}

static long change(pid_t pid, long ahead) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, pid, NULL, &regs);
  const long result = (long)regs.rax;
  if (result < 0) return 0;
  const int realtime = regs.rdi == CLOCK_REALTIME || regs.rdi == CLOCK_REALTIME_COARSE;
  uint64_t where = 0;
  if (regs.orig_rax == SYS_clock_gettime && realtime) where = regs.rsi;
  if (regs.orig_rax == SYS_gettimeofday) where = regs.rdi;
  if (where != 0) {
    poke(pid, where, peek(pid, where) + ahead);
    return 1;
  }
  if (regs.orig_rax != SYS_time) return 0;
  regs.rax = (unsigned long long)(result + ahead);
  ptrace(PTRACE_SETREGS, pid, NULL, &regs);
  if (regs.rdi != 0) poke(pid, regs.rdi, result + ahead);
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const long ahead = strtol(argv[1], NULL, 10);
  const pid_t pid = fork();
  if (pid < 0) return 3;
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  long changed = 0;
  int entered = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 3;
  ptrace(PTRACE_SETOPTIONS, pid, NULL, (void*)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
  int deliver = 0;
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, pid, NULL, (void*)(long)deliver) != 0) return 3;
    deliver = 0;
    while (waitpid(pid, &status, __WALL) < 0)
      if (errno != EINTR) return 3;
    if (WIFEXITED(status) || WIFSIGNALED(status)) break;
    const int signal = WSTOPSIG(status);
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
      hide_vdso(pid);
      entered = 1;  // what comes next is the end of execve
    } else if (signal == (SIGTRAP | 0x80)) {
      if (entered) changed += change(pid, ahead);
      entered = !entered;
    } else {
      deliver = signal;
    }
  }
  fprintf(stderr, "otherhour: %ld answers changed\n", changed);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#endif
