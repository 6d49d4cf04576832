#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <vector>

#include "base/sys.h"

using namespace testctr;

namespace {
struct Scratch {
  Scratch() {
    std::string name = "/tmp/testctr-unit-XXXXXX";
    path = mkdtemp(name.data());
    dir = sys::open(path, O_RDONLY | O_DIRECTORY).value();
  }
  ~Scratch() { (void)sys::remove_tree(path); }
  std::string path;
  Fd dir;
};
std::string content(const Result<Fd>& fd) {
  return fd.ok() ? sys::read_all(fd.value().get(), 1000).value() : fd.error().message();
}

// From here on these system calls are unknown to this process.
bool forget(std::initializer_list<long> calls) {
  std::vector<sock_filter> code{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  for (long call : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  struct sock_fprog program {
    static_cast<unsigned short>(code.size()), code.data()
  };
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// What `body` returns in a process of its own.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = -1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Opens 10, 300 and 301 without close-on-exec, and counts those from 10 on that have it afterwards.
int closed_on_exec(std::initializer_list<long> unknown, rlim_t limit) {
  return in_child([&] {
    for (int fd : {10, 300, 301}) {
      if (::dup2(2, fd) != fd) return 90;
    }
    const rlimit lower{limit, limit};
    if (::setrlimit(RLIMIT_NOFILE, &lower) != 0 || !forget(unknown)) return 91;
    if (sys::cloexec_from_raw(10) != 0) return 92;
    if ((::fcntl(2, F_GETFD) & FD_CLOEXEC) != 0) return 93;
    int count = 0;
    for (int fd : {10, 300, 301}) count += (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    return count;
  });
}
}  // namespace

TEST_CASE("open_in_root never leaves the root") {
  Scratch s;
  REQUIRE(sys::make_dirs(s.path + "/etc/deep", 0755).ok());
  REQUIRE(sys::write_file_at(s.dir.get(), "etc/passwd", "mine").ok());
  REQUIRE(::symlinkat("/etc", s.dir.get(), "abs") == 0);
  REQUIRE(::symlinkat("../../../../../etc", s.dir.get(), "up") == 0);
  REQUIRE(::symlinkat("loop", s.dir.get(), "loop") == 0);
  CHECK(content(sys::open_in_root(s.dir.get(), "abs/passwd", O_RDONLY)) == "mine");
  CHECK(content(sys::open_in_root(s.dir.get(), "up/passwd", O_RDONLY)) == "mine");
  CHECK(content(sys::open_in_root(s.dir.get(), "/etc/deep/../../../etc/passwd", O_RDONLY)) == "mine");
  CHECK(sys::open_in_root(s.dir.get(), "loop", O_RDONLY).error().number() == ELOOP);
  CHECK(sys::open_in_root(s.dir.get(), "none", O_RDONLY).error().number() == ENOENT);
}

TEST_CASE("atomic writing leaves the old file on failure and no temporary") {
  Scratch s;
  REQUIRE(sys::write_file_atomic(s.dir.get(), "a", "one").ok());
  REQUIRE(sys::write_file_atomic(s.dir.get(), "a", "two").ok());
  CHECK(sys::read_file(s.path + "/a").value() == "two");
  CHECK_FALSE(sys::write_file_atomic(s.dir.get(), "missing/a", "x").ok());
  CHECK(sys::list_dir(s.dir.get()).value() == std::vector<std::string>{"a"});
}

TEST_CASE("remove_tree opens closed directories and does not follow links") {
  Scratch s;
  REQUIRE(sys::make_dirs(s.path + "/t/closed/inner", 0755).ok());
  REQUIRE(sys::write_file_at(s.dir.get(), "keep", "x").ok());
  REQUIRE(::symlinkat("../keep", s.dir.get(), "t/link") == 0);
  REQUIRE(::fchmodat(s.dir.get(), "t/closed", 0, 0) == 0);
  REQUIRE(sys::remove_tree_at(s.dir.get(), "t").ok());
  CHECK(sys::list_dir(s.dir.get()).value() == std::vector<std::string>{"keep"});
  CHECK(sys::remove_tree_at(s.dir.get(), "t").ok());
}

TEST_CASE("read limits are errors") {
  Scratch s;
  REQUIRE(sys::write_file_at(s.dir.get(), "big", std::string(5000, 'x')).ok());
  CHECK_FALSE(sys::read_file_at(s.dir.get(), "big", 4999).ok());
  CHECK(sys::read_file_at(s.dir.get(), "big", 5000).ok());
}

TEST_CASE("descriptors are closed on exec on every kernel") {
  CHECK(closed_on_exec({}, 1024) == 3);
  // By the list of what is open, which knows those above the limit, too.
  CHECK(closed_on_exec({SYS_close_range}, 1024) == 3);
  CHECK(closed_on_exec({SYS_close_range}, 200) == 3);
  // One by one where that list cannot be read.
  CHECK(closed_on_exec({SYS_close_range, SYS_open, SYS_openat}, 1024) == 3);
  CHECK(closed_on_exec({SYS_close_range, SYS_getdents64}, 1024) == 3);
  CHECK(closed_on_exec({SYS_close_range, SYS_fstatfs}, 301) == 2);
}

TEST_CASE("a list of descriptors that does not fit one buffer is read to its end") {
  CHECK(in_child([] {
          for (int fd = 20; fd < 520; ++fd) {
            if (::dup2(2, fd) != fd) return 90;
          }
          if (!forget({SYS_close_range})) return 91;
          if (sys::cloexec_from_raw(20) != 0) return 92;
          for (int fd = 20; fd < 520; ++fd) {
            if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return 93;
          }
          return 0;
        }) == 0);
}

TEST_CASE("temporary folders lie outside the trees they are asked to lie outside of") {
  Scratch s;
  REQUIRE(::mkdirat(s.dir.get(), "real", 0700) == 0);
  REQUIRE(::symlinkat("real", s.dir.get(), "link") == 0);
  const char* before = ::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("TMPDIR", (s.path + "/link").c_str(), 1);
  const std::string real = s.path + "/real";
  CHECK(sys::temporary_folders({}).front() == real);
  CHECK(sys::temporary_folders({""}).front() == real);
  CHECK(sys::temporary_folders({s.path + "/rea", real + "/below"}).front() == real);
  for (const std::string& tree : {real, s.path}) {
    const auto others = sys::temporary_folders({"/nowhere", tree});
    CHECK(std::find(others.begin(), others.end(), real) == others.end());
    CHECK_FALSE(others.empty());
  }
  CHECK(sys::temporary_folders({"/"}).empty());
  ::setenv("TMPDIR", "relative", 1);
  CHECK(sys::temporary_folders({}).front() != "relative");
  before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
}
