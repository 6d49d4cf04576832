// Asks the kernel for names of files in ways that make them hard to follow. Prints nothing; 0: it could ask.
//   touches hidden FILE           made unreadable for others before it asks
//   touches user UID FILE         as another user
//   touches wrong FILE            pointers into nothing, paths without an end and too long; then FILE
//   touches edge FILE             a path that ends with its page
//   touches many FILE N           as many names as that, FILE.1 and so on
//   touches threads FILE N        each in a thread of its own
//   touches below DIRECTORY FILE  relative to a descriptor
//   touches scoped DIRECTORY FILE openat2 with the directory for a root; 3: there is none
//   touches jail DIRECTORY FILE   after chroot
//   touches old FILE              by the system calls of i386; 3: there are none
//   touches killed FILE N         children that are killed while they ask
//   touches noise FILE N          with signals that come all the while; 4: one was seen by a call
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int ask(const char* path) {
  int fd = open(path, O_RDONLY);
  if (fd >= 0) close(fd);
  return fd >= 0 ? 0 : 1;
}

static void* ask_in_thread(void* path) { return (void*)(long)ask(path); }

static void nothing(int signal) { (void)signal; }

static int wrong(const char* path) {
  char* end = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static char longer[3 * PATH_MAX];
  munmap(end, 4096);
  munmap(page + 4096, 4096);
  memset(page, 'a', 4096);
  memset(longer, '/', sizeof longer - 1);
  const char* bad[] = {NULL, (char*)1,    (char*)-1, (char*)0x7fffffffffff, (char*)0xffffffff80000000, end,
                       page, page + 4000, longer};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    struct stat st;
    syscall(SYS_openat, AT_FDCWD, bad[i], O_RDONLY);
    syscall(SYS_openat, 12345, bad[i], O_RDONLY);
    syscall(SYS_openat, -77, "x", O_RDONLY);
    syscall(SYS_openat2, AT_FDCWD, bad[i], bad[i], 24);
    syscall(SYS_openat2, AT_FDCWD, path, bad[i], -1L);
    syscall(SYS_execve, bad[i], bad[i], bad[i]);
    syscall(SYS_newfstatat, AT_FDCWD, bad[i], &st, 0);
    syscall(SYS_renameat2, -5, bad[i], 1 << 30, bad[i], 0);
    syscall(SYS_symlink, bad[i], bad[i]);
    syscall(SYS_getdents64, -1, bad[i], 100);
    syscall(SYS_chdir, bad[i]);
  }
  int pipes[2];
  if (pipe(pipes) != 0) return 1;
  syscall(SYS_openat, pipes[0], "x", O_RDONLY);
  syscall(SYS_getdents64, pipes[0], longer, sizeof longer);
  return ask(path);
}

static int old(const char* path) {
#if defined(__x86_64__)
  char* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) return 2;
  strncpy(low, path, 4095);
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(5L), "b"(low), "c"(0L), "d"(0L)
                   : "memory", "r8", "r9", "r10", "r11");
  return result == -ENOSYS ? 3 : result < 0;
#else
  (void)path;
  return 3;
#endif
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* how = argv[1];
  const char* path = argv[2];
  const int count = argc > 3 ? atoi(argv[3]) : 0;
  char name[PATH_MAX];
  if (strcmp(how, "hidden") == 0) return prctl(PR_SET_DUMPABLE, 0) != 0 || ask(path);
  if (strcmp(how, "user") == 0) return setuid((uid_t)atoi(argv[2])) != 0 || ask(argv[3]);
  if (strcmp(how, "wrong") == 0) return wrong(path);
  if (strcmp(how, "old") == 0) return old(path);
  if (strcmp(how, "edge") == 0) {
    char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    char* at = page + 4096 - strlen(path) - 1;
    strcpy(at, path);
    return ask(at);
  }
  if (strcmp(how, "many") == 0) {
    for (int i = 1; i <= count; ++i) {
      snprintf(name, sizeof name, "%s.%d", path, i);
      if (ask(name) != 0) return 1;
    }
    return 0;
  }
  if (strcmp(how, "threads") == 0) {
    for (int i = 1; i <= count; ++i) {
      pthread_t thread;
      void* result = NULL;
      snprintf(name, sizeof name, "%s.%d", path, i);
      if (pthread_create(&thread, NULL, ask_in_thread, name) != 0) return 2;
      pthread_join(thread, &result);
      if (result != NULL) return 1;
    }
    return 0;
  }
  if (strcmp(how, "below") == 0) {
    const int fd = open(path, O_PATH | O_DIRECTORY);
    return openat(fd, argv[3], O_RDONLY) < 0;
  }
  if (strcmp(how, "scoped") == 0) {
    struct open_how flags = {.flags = O_RDONLY, .mode = 0, .resolve = RESOLVE_IN_ROOT};
    const int fd = open(path, O_PATH | O_DIRECTORY);
    const long result = syscall(SYS_openat2, fd, argv[3], &flags, sizeof flags);
    return result < 0 && errno == ENOSYS ? 3 : result < 0;
  }
  if (strcmp(how, "jail") == 0) return chroot(path) != 0 || chdir("/") != 0 || ask(argv[3]);
  if (strcmp(how, "killed") == 0) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        for (;;) ask(path);
      }
      usleep(100);
      kill(pid, SIGKILL);
      waitpid(pid, NULL, 0);
    }
    return 0;
  }
  if (strcmp(how, "noise") == 0) {
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 200}, {0, 200}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < count; ++i) {
      if (ask(path) != 0 && errno == EINTR) return 4;
    }
    return 0;
  }
  return 2;
}
