// Tries to get out of a chroot, and at processes outside: escape RUNNER, the number of a process of the runner. Says of each attempt
// whether it was refused.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int wrong = 0;

static void judge(const char *what, int refused) {
  printf("%s: %s\n", what, refused ? "refused" : "DONE");
  wrong += !refused;
}

static void at_process(const char *who, pid_t pid) {
  char what[64];
  snprintf(what, sizeof what, "kill of %s", who);
  judge(what, kill(pid, 0) != 0);
  snprintf(what, sizeof what, "kill of the group of %s", who);
  judge(what, kill(-pid, 0) != 0);
  snprintf(what, sizeof what, "ptrace of %s", who);
  judge(what, ptrace(PTRACE_SEIZE, pid, 0, 0) != 0);
  snprintf(what, sizeof what, "pidfd of %s", who);
  judge(what, syscall(SYS_pidfd_open, pid, 0) < 0);
  struct rlimit none = {0, 0};
  snprintf(what, sizeof what, "limit of %s", who);
  judge(what, prlimit(pid, RLIMIT_CPU, &none, NULL) != 0);
}

int main(int count, char **words) {
  mkdir("inner", 0755);
  judge("chroot", chroot("inner") != 0);
  judge("unshare", unshare(CLONE_NEWUSER) != 0);
  judge("mount", mount("proc", "/proc", "proc", 0, NULL) != 0);
  judge("mknod of a disk", mknod("disk", S_IFBLK | 0600, makedev(8, 0)) != 0);
  judge("mknod of memory", mknod("memory", S_IFCHR | 0600, makedev(1, 1)) != 0);
  judge("/proc/1/root", open("/proc/1/root", O_RDONLY) < 0);
  judge("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0) != 0 && errno != EFAULT);
  pid_t other = fork();
  if (other == 0) {
    pause();
    _exit(0);
  }
  judge("attaching to a process", ptrace(PTRACE_SEIZE, other, 0, 0) != 0 && ptrace(PTRACE_ATTACH, other, 0, 0) != 0);
  int pidfd = (int)syscall(SYS_pidfd_open, other, 0);
  judge("a descriptor of a process", pidfd < 0 || syscall(SYS_pidfd_getfd, pidfd, 0, 0) < 0);
  close(pidfd);
  kill(other, SIGKILL);
  int folders = 0;
  for (int fd = 0; fd < 4096; fd++) {
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) folders += fchdir(fd) == 0;
  }
  judge("a folder that was inherited", folders == 0);
  at_process("the interpreter", getppid());
  judge("kill of all", kill(-1, 0) != 0);
  judge("kill of the first process", kill(1, 0) != 0);
  for (int i = 1; i < count; i++) at_process("the runner", atoi(words[i]));
  return wrong != 0;
}
