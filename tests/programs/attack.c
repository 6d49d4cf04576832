// A program that tries what must be refused inside a container. `attack NAME [ARGUMENT]` prints what happened and ends with 0 when it was refused, 1 when
// it was not. `attack calls` reads lines "abi number arg0 arg1 arg2" and prints each with the errno that the call gave.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *argument;

// Every attack answers with whether it got through.
static int done(const char *what, long result) {
  if (result < 0) {
    printf("%s: %s\n", what, strerror(errno));
    return 0;
  }
  printf("%s: DONE (%ld)\n", what, result);
  return 1;
}

static int mounting(void) { return done("mount tmpfs", mount("t", "/tmp", "tmpfs", 0, "")) + done("bind", mount("/bin", "/tmp", NULL, MS_BIND, NULL)); }
static int unmounting(void) { return done("umount /proc", umount2("/proc", MNT_DETACH)) + done("umount our program", umount2("/testctr/bin/testctr-script", MNT_DETACH)); }
static int namespaces(void) {
  int n = done("unshare user", unshare(CLONE_NEWUSER)) + done("unshare mount", unshare(CLONE_NEWNS)) + done("unshare net", unshare(CLONE_NEWNET));
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  n += done("clone user", pid);
  int fd = open("/proc/1/ns/mnt", O_RDONLY);
  return n + done("setns", fd < 0 ? -1 : setns(fd, 0));
}
static int keys(void) {
  return done("keyctl", syscall(SYS_keyctl, 0, -3, 1)) + done("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3)) +
         done("request_key", syscall(SYS_request_key, "user", "x", NULL, -3));
}
static int interfaces(void) {
  char zero[256] = {0};
  return done("bpf", syscall(SYS_bpf, 0, zero, 48)) + done("userfaultfd", syscall(SYS_userfaultfd, 1)) + done("io_uring_setup", syscall(SYS_io_uring_setup, 1, zero)) +
         done("perf_event_open", syscall(SYS_perf_event_open, zero, 0, -1, -1, 0)) + done("syslog", syscall(SYS_syslog, 3, zero, 100)) +
         done("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, zero, 0));
}
static int sockets(void) {
  return done("AF_ALG", socket(38, SOCK_SEQPACKET, 0)) + done("AF_ALG, high bits", syscall(SYS_socket, 0x100000026, SOCK_SEQPACKET, 0)) + done("AF_VSOCK", socket(40, SOCK_STREAM, 0)) +
         done("AF_PACKET", socket(17, SOCK_RAW, 0)) + done("raw IPv4", socket(AF_INET, SOCK_RAW, 1)) + done("raw IPv6", socket(AF_INET6, SOCK_RAW, 58));
}
static int abstract(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strncpy(a.sun_path + 1, argument, sizeof a.sun_path - 2);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  return done("connect to the host's abstract socket", connect(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argument))));
}
static int typing(void) {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), n = 0, off = 0;
  if (master < 0) return done("open /dev/ptmx", -1) + 1;
  char name[64];
  ioctl(master, TIOCSPTLCK, &off);
  ioctl(master, TIOCGPTN, &n);
  snprintf(name, sizeof name, "/dev/pts/%d", n);
  int slave = open(name, O_RDWR);
  if (slave < 0) return done("open the slave", -1) + 1;
  char letter = 'x', six = 6;
  return done("TIOCSTI", ioctl(slave, TIOCSTI, &letter)) + done("TIOCSTI, high bits", syscall(SYS_ioctl, slave, 0x100000000ul | TIOCSTI, &letter)) +
         done("TIOCLINUX", ioctl(slave, TIOCLINUX, &six));
}
static int write_to(const char *path) {
  int fd = open(path, O_WRONLY);
  char text[300];
  snprintf(text, sizeof text, "write %s", path);
  if (fd < 0) return done(text, -1);
  return done(text, write(fd, "1", 1));
}
static int settings(void) {
  return write_to("/proc/sys/kernel/core_pattern") + write_to("/proc/sys/kernel/hostname") + write_to("/proc/sys/net/ipv4/ip_forward") + write_to("/proc/sysrq-trigger") +
         write_to("/proc/sys/vm/overcommit_memory") + write_to("/sys/kernel/uevent_helper") + done("remount /proc/sys", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
}
static int programs(void) {
  int n = 0;
  DIR *d = opendir("/proc");
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    if (e->d_name[0] < '1' || e->d_name[0] > '9' || atoi(e->d_name) == getpid()) continue;
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
    n += done(path, open(path, O_WRONLY)) + done(path, open(path, O_RDWR | O_APPEND));
  }
  return n;
}
static int binary(void) {
  const char *b = "/testctr/bin/testctr-script";
  return done("open for writing", open(b, O_WRONLY)) + done("truncate", truncate(b, 0)) + done("unlink", unlink(b)) + done("rename", rename(b, "/tmp/x")) +
         done("rename over", rename("/proc/self/exe", b)) + done("chmod", chmod(b, 0777)) + done("remount", mount(NULL, b, NULL, MS_REMOUNT | MS_BIND, NULL)) + done("mount over", mount("/bin/sh", b, NULL, MS_BIND, NULL));
}
static int descriptors(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/fd");
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    int fd = atoi(e->d_name);
    if (e->d_name[0] == '.' || fd < 3 || fd == dirfd(d)) continue;
    char path[64], target[256] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0) target[0] = 0;
    printf("descriptor %d is %s: LEAKED\n", fd, target);
    ++n;
  }
  return n;
}
// Forged messages into whatever can be reached of the interpreter. The argument is a file with the bytes to write; without it "FORGED".
static int interpreter(void) {
  char forged[4096] = "FORGED";
  ssize_t size = 7;
  int n = 0, file = *argument ? open(argument, O_RDONLY) : -1;
  if (*argument && (file < 0 || (size = read(file, forged, sizeof forged)) <= 0)) return done("read the argument", -1) + 1;
  // Our own descriptors lead to the interpreter at most as output of a program.
  for (int fd = 1; *argument && fd < 1024; ++fd) (void)!write(fd, forged, (size_t)size);
  for (int fd = 0; fd < 1024; ++fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
    int f = open(path, O_RDWR);
    if (f >= 0) n += done(path, write(f, forged, (size_t)size));
  }
  DIR *d = opendir("/proc/1/fd");
  n += done("list /proc/1/fd", d == NULL ? -1 : 0);
  n += done("open /proc/1/mem", open("/proc/1/mem", O_RDWR)) + done("read /proc/1/maps", open("/proc/1/maps", O_RDONLY) < 0 ? -1 : read(open("/proc/1/maps", O_RDONLY), (char[16]){0}, 16)) +
       done("read /proc/1/environ", open("/proc/1/environ", O_RDONLY)) + done("enter /proc/1/root", open("/proc/1/root/etc", O_RDONLY)) + done("enter /proc/1/cwd", open("/proc/1/cwd", O_RDONLY));
  char there[8];
  struct iovec local = {forged, sizeof there}, remote = {there, sizeof there};
  n += done("process_vm_writev", process_vm_writev(1, &local, 1, &remote, 1, 0)) + done("PTRACE_ATTACH", ptrace(PTRACE_ATTACH, 1, 0, 0)) + done("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, 1, 0, 0));
  long pidfd = syscall(SYS_pidfd_open, 1, 0);
  for (int fd = 3; fd < 64; ++fd) {
    long got = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (got >= 0) n += done("pidfd_getfd", write((int)got, forged, (size_t)size) + 100);
  }
  kill(1, SIGSTOP);
  kill(1, SIGKILL);
  kill(1, SIGTERM);
  d = opendir("/proc/1/task");
  for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
    if (atoi(e->d_name) > 0) syscall(SYS_tgkill, 1, atoi(e->d_name), SIGSTOP), syscall(SYS_tkill, atoi(e->d_name), SIGSEGV);
  }
  kill(-1, SIGSTOP);
  printf("end\n");
  fflush(stdout);
  kill(-1, SIGKILL);
  return n;
}
static int devices(void) {
  int n = 0;
  if (mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)) == 0) n += done("open a disk", open("/tmp/disk", O_RDONLY));
  if (mknod("/tmp/kmsg", S_IFCHR | 0666, makedev(1, 11)) == 0) n += done("open kmsg", open("/tmp/kmsg", O_RDONLY));
  n += done("mkfifo", mkfifo("/tmp/pipe", 0600) == 0 ? -1 : 0);  // must work
  return n;
}
static int priority(void) {
  struct rlimit up = {1 << 30, 1 << 30};
  return done("raise the limit of files", setrlimit(RLIMIT_NOFILE, &up)) + done("nice", setpriority(PRIO_PROCESS, 0, -20)) + done("core files", setrlimit(RLIMIT_CORE, &up)) +
         done("set the clock", settimeofday(&(struct timeval){1, 1}, NULL)) + done("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL)) + done("module", syscall(SYS_init_module, "", 0, "")) +
         done("swap", syscall(SYS_swapoff, "/x"));
}
// The first process runs the script: threads 1 and 2. What is one's own stays allowed.
static int first(void) {
  int through = 0;
  struct rlimit one = {1, 1}, own;
  cpu_set_t processor;
  struct sched_param none = {0};
  CPU_ZERO(&processor);
  CPU_SET(0, &processor);
  for (pid_t pid = 1; pid <= 2; ++pid) {
    through += done("limits of the first process", prlimit(pid, RLIMIT_NOFILE, &one, NULL));
    through += done("its processors", sched_setaffinity(pid, sizeof processor, &processor));
    through += done("its scheduling", sched_setscheduler(pid, SCHED_IDLE, &none)) + done("its priority", setpriority(PRIO_PROCESS, (id_t)pid, 19));
    through += done("its place at the disk", syscall(SYS_ioprio_set, 1, pid, 3 << 13));
    kill(pid, SIGSTOP);
    syscall(SYS_tgkill, 1, pid, SIGSTOP);
  }
  if (prlimit(0, RLIMIT_NOFILE, NULL, &own) != 0 || prlimit(getpid(), RLIMIT_NOFILE, &own, NULL) != 0 || setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 1) != 0 ||
      sched_setscheduler(getpid(), SCHED_BATCH, &none) != 0)
    through += printf("one's own limits: LEAKED no more: %s\n", strerror(errno)) > 0;
  return through;
}
// 400 MiB that no process has for itself alone.
static int share(void) {
  size_t size = (size_t)400 << 20;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  memset(memory, 'x', size);
  sleep(3);
  return 0;
}
// With no filter at all: a user namespace of one's own gives every capability, and still neither remounts nor uncovers what is locked.
static int nested(void) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return done("unshare (expected to work here)", -1) + 1;
  const char *b = "/testctr/bin/testctr-script";
  return done("remount our program writable", mount(NULL, b, NULL, MS_REMOUNT | MS_BIND, NULL)) + done("unmount our program", umount2(b, 0)) + done("remount /proc/sys", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL)) +
         done("uncover /proc/kcore", umount2("/proc/kcore", 0)) + done("write it", open(b, O_WRONLY));
}

static long call64(long n, long a, long b, long c) { return syscall(n, a, b, c, 0, 0, 0) < 0 ? errno : 0; }
static long call32(long n, long a, long b, long c) {
#ifdef __x86_64__
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"((int)n), "b"((int)a), "c"((int)b), "d"((int)c), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
  return result < 0 && result > -4096 ? -result : 0;
#else
  (void)n, (void)a, (void)b, (void)c;
  return ENOSYS;
#endif
}
static int calls(void) {
  int abi;
  long n, a, b, c;
  while (scanf("%d %ld %li %li %li", &abi, &n, &a, &b, &c) == 5) {
    printf("%d %ld %li %li %li %ld\n", abi, n, a, b, c, abi == 64 ? call64(n, a, b, c) : call32(n, a, b, c));
  }
  return 0;
}

static const struct {
  const char *name;
  int (*run)(void);
} attacks[] = {{"mount", mounting}, {"umount", unmounting}, {"namespaces", namespaces}, {"keys", keys}, {"interfaces", interfaces}, {"sockets", sockets}, {"abstract", abstract}, {"typing", typing},
               {"settings", settings}, {"programs", programs}, {"binary", binary}, {"descriptors", descriptors}, {"interpreter", interpreter}, {"devices", devices}, {"priority", priority}, {"first", first}, {"share", share}, {"nested", nested}, {"calls", calls}};

int main(int argc, char **argv) {
  argument = argc > 2 ? argv[2] : "";
  for (size_t i = 0; argc > 1 && i < sizeof attacks / sizeof *attacks; ++i) {
    if (strcmp(attacks[i].name, argv[1]) == 0) return attacks[i].run() != 0;
  }
  fprintf(stderr, "usage: attack NAME [ARGUMENT]\n");
  return 2;
}
