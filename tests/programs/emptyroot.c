// emptyroot DIR UID PROGRAM ARG...: in namespaces of its own, with DIR as the root, a fresh /proc, no network but a
// loopback that is down, and UID as who it is, runs PROGRAM (a path in DIR). As root.
// Built by: cc -static -o emptyroot emptyroot.c
#define _GNU_SOURCE
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char* what) {
  if (result >= 0) return;
  perror(what);
  exit(99);
}

int main(int argc, char** argv) {
  if (argc < 4) return 99;
  const uid_t uid = (uid_t)atoi(argv[2]);
  must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "unshare");
  const pid_t child = fork();
  must(child, "fork");
  if (child > 0) {
    int status = 0;
    must(waitpid(child, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount /");
  must(mount(argv[1], argv[1], NULL, MS_BIND, NULL), "mount the root");
  must(chdir(argv[1]), "chdir");
  must(mount("proc", "proc", "proc", 0, NULL), "mount /proc");
  must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount2");
  must(chdir("/"), "chdir /");
  if (uid != 0) {
    must(setgroups(0, NULL), "setgroups");
    must(setgid(uid), "setgid");
    must(setuid(uid), "setuid");
  }
  char* environment[] = {NULL};
  execve(argv[3], argv + 3, environment);
  perror("execve");
  return 99;
}
