// Runs a program as an older kernel would: `oldkernel PROGRAM ARGUMENT...` makes openat2, clone3, fsopen, fsmount, fsconfig, fspick, mount_setattr, open_tree,
// move_mount, close_range and the pidfd calls answer ENOSYS, for it and all that it starts. OLDKERNEL=NAME,... chooses others by name of this list;
// OLDKERNEL=userns instead forbids user namespaces, as container engines do: clone3 is unknown, clone and unshare with CLONE_NEWUSER give EPERM.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
  const char *name;
  int number;
} calls[] = {{"openat2", 437},    {"clone3", 435},        {"fsopen", 430},     {"fsconfig", 431},   {"fsmount", 432},    {"fspick", 433}, {"mount_setattr", 442},
             {"open_tree", 428},  {"move_mount", 429},    {"close_range", 436}, {"pidfd_open", 434}, {"pidfd_getfd", 438}, {"pidfd_send_signal", 424}};

int main(int argc, char **argv) {
  enum { count = sizeof calls / sizeof *calls };
  if (argc < 2) return fprintf(stderr, "usage: oldkernel PROGRAM ARGUMENT...\n"), 2;
  const char *chosen = getenv("OLDKERNEL");
  struct sock_filter program[count * 2 + 12];
  unsigned short n = 0;
  program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  if (chosen != NULL && strcmp(chosen, "userns") == 0) {
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0);
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 3);
    // On machines with the lower half first; both calls have the flags as first argument.
    program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000000 /* CLONE_NEWUSER */, 0, 1);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  for (int i = 0; i < count; ++i) {
    if (chosen != NULL && strstr(chosen, calls[i].name) == NULL) continue;
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  }
  program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog code = {n, program};
  // As root without no_new_privs, which would be inherited and change what is tested.
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code) != 0 &&
      (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code) != 0)) {
    perror("oldkernel: seccomp");
    return 2;
  }
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 127;
}
