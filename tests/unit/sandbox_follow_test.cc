// What a followed container touches, as its record has it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/follow.h"
#include "sandbox/path_calls.h"
#include "sandbox_bpf.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {

std::string touches_program() {
  const char* folder = std::getenv("TESTCTR_PROGRAMS");
  std::string self = std::move(sys::self_path()).value();
  return (folder != nullptr ? std::string(folder) : self.substr(0, self.rfind('/')) + "/programs") +
         "/touches";
}

// As the interpreter starts programs: the child shares our memory until it executes.
int run_words(Inside& in, std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  char path[] = "PATH=/bin";
  char* environment[] = {path, nullptr};
  auto [reader, writer] = std::move(sys::pipe()).value();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 2);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  std::string output = failed != 0 ? "posix_spawn: " + std::to_string(failed)
                                   : std::move(sys::read_all(reader.get(), 1 << 20)).value();
  int status = 0;
  if (failed == 0) waitpid(pid, &status, 0);
  (void)sys::write_full(in.channel(), output);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Fixture : BusyboxFixture {
  bool ready = false;
  Followed followed;
  Outcome outcome;
  Fd record;

  Fixture() {
    if (!have_busybox() || access(touches_program().c_str(), X_OK) != 0) {
      MESSAGE("skipped, because there is no busybox or no " << touches_program());
      return;
    }
    if (without_id_mapping()) {
      MESSAGE("skipped, because there are no id-mapped mounts");
      return;
    }
    ready = host("cd " + (dir / "layer") + " && cp " + touches_program() +
                 " bin/ && mkdir -p data/sub jail/data && echo x > data/file && echo y > data/sub/other && "
                 "echo z > jail/data/inner && ln -s file data/link && ln -s /data data.link && "
                 "ln -s ../link data/sub/far && ln -s /data jail/data.link && "
                 "printf '#!/bin/helper -x\\n' > bin/script && ln -s busybox bin/helper && ln -s busybox "
                 "bin/ln && ln -s busybox bin/chmod && chmod 755 bin/*");
    record = std::move(make_record(dir.path())).value();
    spec.follow = record.get();
    const Outcome probe = run(spec, [](Inside&) { return 0; });
    if (ftruncate(record.get(), 0) != 0) FAIL("ftruncate");
    if (!probe.ending.setup_error || probe.output.find("cannot be followed here") == std::string::npos)
      return;
    MESSAGE("skipped, because " << probe.output);
    ready = false;
  }
  void operator()(const Body& body) {
    if (ftruncate(record.get(), 0) != 0) FAIL("ftruncate");
    outcome = run(spec, body);
    INFO(outcome.output);
    REQUIRE_FALSE(outcome.ending.setup_error);
    auto read = read_followed(record.get());
    REQUIRE(read.ok());
    followed = std::move(read).value();
  }
  void operator()(const std::vector<std::string>& words) {
    (*this)([&](Inside& in) { return run_words(in, words); });
  }
  void sh(const std::string& command) { (*this)({"/bin/sh", "-c", command}); }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::binary_search(followed.names.begin(), followed.names.end(), name);
  }
};

}  // namespace

TEST_CASE("sandbox follow: programs, links on the way and what they lead to") {
  Fixture f;
  if (!f.ready) return;
  f.sh("cat /data.link/sub/far");
  CHECK(f.outcome.output == "x\n");
  CHECK(f.outcome.status == 0);
  CHECK(f.followed.unseen.empty());
  for (const char* name :
       {"/bin/sh", "/bin/busybox", "/data.link", "/data/sub/far", "/data/link", "/data/file"})
    CHECK_MESSAGE(f.has(name), name);
  CHECK_FALSE(f.has("/data/sub/other"));
  CHECK_FALSE(f.has("/bin/touches"));
}

TEST_CASE("sandbox follow: relative to the working directory, to descriptors, to other roots") {
  Fixture f;
  if (!f.ready) return;
  SUBCASE("the working directory") {
    f.sh("cd data/sub && cat ../../data/sub/../link");
    CHECK(f.outcome.output == "x\n");
    CHECK(f.has("/data/link"));
    CHECK(f.has("/data/file"));
  }
  SUBCASE("a descriptor") {
    f({"/bin/touches", "below", "/data/sub", "../link"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
  SUBCASE("a descriptor that is the root of a call") {
    f({"/bin/touches", "scoped", "/jail", "/data.link/inner"});
    if (f.outcome.status == 3) return;  // before Linux 5.6
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/jail/data/inner"));
    CHECK_FALSE(f.has("/data"));
  }
  SUBCASE("a changed root") {
    f({"/bin/touches", "jail", "/jail", "/../data.link/inner"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/jail/data.link"));
    CHECK(f.has("/jail/data/inner"));
    CHECK_FALSE(f.has("/data"));
  }
}

TEST_CASE("sandbox follow: links that the run made lead into the image") {
  Fixture f;
  if (!f.ready) return;
  f.sh("ln -s /data.link/link /work/mine; cat /work/mine; ln -s /bin/echo /tmp/echo; /tmp/echo hello");
  CHECK(f.outcome.output == "x\nhello\n");
  CHECK(f.has("/data.link"));
  CHECK(f.has("/data/file"));
  CHECK(f.has("/bin/echo"));
  for (const std::string& name : f.followed.names) CHECK_FALSE(name.starts_with("/work/"));
}

TEST_CASE("sandbox follow: interpreters and loaders that the kernel opens") {
  Fixture f;
  if (!f.ready) return;
  SUBCASE("of a script in the image") {
    f({"/bin/script"});
    CHECK(f.has("/bin/script"));
    CHECK(f.has("/bin/helper"));
    CHECK(f.has("/bin/busybox"));
  }
  SUBCASE("of one that was written meanwhile") {
    f.sh("printf '#! /bin/grep  x\\n' > /work/new; chmod +x /work/new; /work/new");
    CHECK(f.has("/bin/grep"));
  }
  SUBCASE("of a program") {
    // Any that has a loader: the host's, whose loader need not be here for the name to be noted.
    if (!host("mkdir -p " + (f.dir / "layer/lib64") + " && cp /bin/true " + (f.dir / "layer/bin/dynamic") +
              " && grep -q /lib64/ld-linux-x86-64.so.2 /bin/true && echo > " +
              (f.dir / "layer/lib64/ld-linux-x86-64.so.2")))
      return;
    f.sh("/bin/dynamic");
    CHECK(f.has("/bin/dynamic"));
    CHECK(f.has("/lib64/ld-linux-x86-64.so.2"));
  }
}

TEST_CASE("sandbox follow: directories whose entries are read are told from others") {
  Fixture f;
  if (!f.ready) return;
  f.sh("ls /data.link/sub; test -d /jail; cat < data/file; ls / > /dev/null");
  CHECK(f.has("/data/sub/"));
  CHECK(f.has("/"));
  CHECK(f.has("/jail"));
  CHECK_FALSE(f.has("/jail/"));
  CHECK_FALSE(f.has("/data/"));
}

TEST_CASE("sandbox follow: what is not there is known by the last that is") {
  Fixture f;
  if (!f.ready) return;
  f.sh("cat /data/sub/none/at/all /data.link/new; echo > /jail/made; mkdir /data/dir; rm /data/link");
  CHECK(f.has("/data/sub"));
  CHECK(f.has("/data"));
  CHECK(f.has("/jail"));
  CHECK(f.has("/data/link"));
  CHECK_FALSE(f.has("/data/sub/none"));
}

TEST_CASE("sandbox follow: what the first process opens itself") {
  Fixture f;
  if (!f.ready) return;
  f([](Inside&) { return Fd(::open("/data/link", O_RDONLY)).valid() ? 0 : 1; });
  CHECK(f.outcome.status == 0);
  CHECK(f.has("/data/file"));
}

TEST_CASE("sandbox follow: programs that hide, change their user or are older") {
  Fixture f;
  if (!f.ready) return;
  SUBCASE("hidden from others") {
    f({"/bin/touches", "hidden", "/data/file"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
  SUBCASE("another user") {
    f({"/bin/touches", "user", "1234", "/data/file"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
  SUBCASE("an image whose user is not root") {
    f.spec.user = "alice";
    f({"/bin/touches", "hidden", "/data/file"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
  SUBCASE("by the system calls of i386") {
    f({"/bin/touches", "old", "/data/file"});
    if (f.outcome.status == 3) return;  // this kernel has none
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
  SUBCASE("without a filter") {
    f.spec.seccomp = "unconfined";
    f({"/bin/touches", "below", "/data/sub", "other"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/sub/other"));
  }
  CHECK(f.followed.unseen.empty());
}

TEST_CASE("sandbox follow: many of everything") {
  Fixture f;
  if (!f.ready) return;
  SUBCASE("names") {
    host("cd " + (f.dir / "layer/data") + " && for i in $(seq 10000); do echo > n.$i; done");
    f({"/bin/touches", "many", "/data/n", "10000"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/n.1"));
    CHECK(f.has("/data/n.10000"));
    CHECK(std::count_if(f.followed.names.begin(), f.followed.names.end(),
                        [](const std::string& name) { return name.starts_with("/data/n."); }) == 10000);
  }
  SUBCASE("threads") {
    host("cd " + (f.dir / "layer/data") + " && for i in $(seq 100); do echo > n.$i; done");
    f({"/bin/touches", "threads", "/data/n", "100"});
    CHECK(f.outcome.status == 0);
    CHECK(std::count_if(f.followed.names.begin(), f.followed.names.end(),
                        [](const std::string& name) { return name.starts_with("/data/n."); }) == 100);
  }
  SUBCASE("processes") {
    host("cd " + (f.dir / "layer/data") + " && for i in $(seq 300); do echo > n.$i; done");
    f.sh("i=0; while [ $i -lt 300 ]; do i=$((i+1)); cat /data/n.$i > /dev/null & done; wait");
    CHECK(f.outcome.status == 0);
    CHECK(std::count_if(f.followed.names.begin(), f.followed.names.end(),
                        [](const std::string& name) { return name.starts_with("/data/n."); }) == 300);
  }
  SUBCASE("that are killed while they ask") {
    f({"/bin/touches", "killed", "/data/file", "200"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
  }
}

TEST_CASE("sandbox follow: hostile pointers and paths neither end nor hold the container") {
  Fixture f;
  if (!f.ready) return;
  SUBCASE("wrong") {
    f({"/bin/touches", "wrong", "/data/file"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/file"));
    CHECK(f.followed.unseen.empty());
  }
  SUBCASE("at the end of a page") {
    f({"/bin/touches", "edge", "/data/sub/other"});
    CHECK(f.outcome.status == 0);
    CHECK(f.has("/data/sub/other"));
  }
  SUBCASE("links that lead in circles, and deep folders") {
    f.sh(
        "ln -s b /work/a; ln -s a /work/b; cat /work/a/x; cd /work; i=0; "
        "n="
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaa; "
        "while [ $i -lt 60 ]; do i=$((i+1)); mkdir $n; cd $n 2>/dev/null; done; echo > x; cat x; cat "
        "/data/file");
    CHECK(f.outcome.output.ends_with("x\n"));
    CHECK(f.has("/data/file"));
  }
}

TEST_CASE("sandbox follow: refused calls are still recorded, and still refused") {
  Fixture f;
  if (!f.ready) return;
  std::string refused;
  f([&](Inside& in) {
    const int status =
        run_words(in, {"/bin/sh", "-c", "mount -t proc x /data; umount /data; cat /data/file"});
    for (const Refusal& refusal : in.take_refusals())
      (void)sys::write_full(in.channel(), refusal.syscall + ".");
    return status;
  });
  CHECK(f.outcome.output.find("Operation not permitted") != std::string::npos);
  CHECK(f.outcome.output.find("mount.umount2.") != std::string::npos);
  CHECK(f.outcome.output.find("openat.") == std::string::npos);
  CHECK(f.has("/data/file"));
}

TEST_CASE("sandbox follow: what a profile refuses stays refused, and what it allows is followed") {
  Fixture f;
  if (!f.ready) return;
  f.spec.seccomp = f.dir / "profile.json";
  REQUIRE(sys::write_file_at(AT_FDCWD, f.spec.seccomp,
                             R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["readlink", "readlinkat", "chdir", "seccomp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})")
              .ok());
  f.sh("readlink /data/link; cd /data; mkdir /data/new; cat /data/file; pwd");
  CHECK(f.outcome.output.find("file\n") == std::string::npos);
  CHECK(f.outcome.output.find("Function not implemented") != std::string::npos);
  CHECK(f.outcome.output.ends_with("x\n/\n"));
  CHECK(f.has("/data/file"));
  CHECK_FALSE(f.has("/data/link"));
}

TEST_CASE("sandbox follow: calls that are looked at go on after signals") {
  Fixture f;
  if (!f.ready) return;
  f({"/bin/touches", "noise", "/data/file", "3000"});
  CHECK(f.outcome.status == 0);
  CHECK(f.has("/data/file"));
}

TEST_CASE("sandbox follow: containers that share a network, with one record") {
  Fixture f;
  if (!f.ready) return;
  auto first = std::move(Container::start(f.spec, [](Inside& in) {
                 char byte = 0;
                 return ::read(in.channel(), &byte, 1) == 1
                            ? run_words(in, {"/bin/touches", "hidden", "/data/file"})
                            : 1;
               })).value();
  auto namespaces = first.namespaces();
  REQUIRE(namespaces.ok());
  Spec other = f.spec;
  other.join_user = namespaces.value().user;
  other.join_network = namespaces.value().network;
  for (const char* user : {"", "alice"}) {
    other.user = user;
    auto o = run(other, [](Inside& in) {
      return run_words(in, {"/bin/touches", "hidden", "/data/sub/other"});
    });
    CHECK_FALSE(o.ending.setup_error);
    CHECK(o.status == 0);
  }
  REQUIRE(sys::write_full(first.channel(), "g").ok());
  CHECK(std::move(first.finish()).value().exit_status == 0);
  f.followed = std::move(read_followed(f.record.get())).value();
  CHECK(f.has("/data/file"));
  CHECK(f.has("/data/sub/other"));
  CHECK(f.followed.unseen.empty());
}

TEST_CASE("sandbox follow: an error where somebody listens already") {
  Fixture f;
  if (!f.ready) return;
  const pid_t pid = fork();
  if (pid == 0) {
    const sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(2);
    const auto listening = install_filter(allow, true);
    if (!listening.ok()) _exit(3);
    const Outcome o = run(f.spec, "true");
    const bool told = o.ending.setup_error && o.output.find("cannot be followed here") != std::string::npos;
    f.spec.follow = -1;
    const bool lives = run(f.spec, "true").status == 0;
    _exit(told && lives ? 0 : 1);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("sandbox follow: the record cannot be reached from inside") {
  Fixture f;
  if (!f.ready) return;
  f.sh(
      "ls -l /proc/1/fd /proc/1/task/*/fd /proc/self/fd; for i in 3 4 5 6 7 8 9 10 11 12; do echo /forged "
      ">&$i; done; exit 0");
  CHECK_FALSE(f.has("/forged"));
  CHECK(f.outcome.output.find("deleted") == std::string::npos);
}

TEST_CASE("sandbox follow: a follower stops at its bounds, and says so") {
  Fd record = std::move(sys::memory_file("record")).value();
  Follower follower(record.get(), {.names = 3, .bytes = 1000});
  for (const char* path : {"/usr", "/usr/bin", "/usr/lib", "/etc", "/etc/passwd"})
    follower.walk("", "", path);
  auto read = read_followed(record.get());
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().message().find("more than 3 files") != std::string::npos);
}

TEST_CASE("sandbox follow: a record is believed only as far as it is one") {
  const auto read = [](std::string_view bytes) {
    Fd record = std::move(sys::memory_file("record")).value();
    REQUIRE(sys::write_full(record.get(), bytes).ok());
    return read_followed(record.get());
  };
  using namespace std::string_view_literals;
  auto good = read("/b\0/a/\0/\0/b\0?open by x\0/cut"sv);
  REQUIRE(good.ok());
  CHECK(good.value().names == std::vector<std::string>{"/", "/a/", "/b"});
  CHECK(good.value().unseen == std::vector<std::string>{"open by x"});
  for (std::string_view bad : {"a\0"sv, "/a/../b\0"sv, "//a\0"sv, "/a//\0"sv, "/.\0"sv, "!full\0"sv})
    CHECK_MESSAGE(!read(bad).ok(), bad);
  CHECK_FALSE(read("/" + std::string(5000, 'a') + '\0').ok());
}

TEST_CASE("sandbox follow: the two filters together answer as the one does") {
  for (const bool fake : {false, true}) {
    auto made = following_filters(default_filter(true, fake), default_filter(false, fake));
    REQUIRE(made.ok());
    for (const uint32_t architecture : {uint32_t{AUDIT_ARCH_X86_64}, uint32_t{AUDIT_ARCH_I386}, 17U}) {
      for (uint32_t number = 0; number < 1000; ++number) {
        for (const uint64_t argument : {uint64_t{0}, uint64_t{2}, uint64_t{0x7E020000}, uint64_t{0x2000}}) {
          seccomp_data data{};
          data.arch = architecture;
          data.nr = static_cast<int>(number);
          for (auto& each : data.args) each = argument;
          const uint32_t deciding = evaluate(made.value().deciding, data),
                         reporting = evaluate(made.value().reporting, data);
          const bool named = path_call(architecture, number) != nullptr;
          const uint32_t wanted = evaluate(default_filter(!named, fake), data);
          // The kernel takes the smaller action, with its errno.
          const uint32_t together =
              (deciding & SECCOMP_RET_ACTION_FULL) < (reporting & SECCOMP_RET_ACTION_FULL) ? deciding
                                                                                           : reporting;
          if (named && wanted == SECCOMP_RET_ALLOW)
            CHECK(together == SECCOMP_RET_USER_NOTIF);
          else
            CHECK_MESSAGE(together == wanted, architecture << " " << number);
        }
      }
    }
  }
}

TEST_CASE("sandbox follow: numbers of calls") {
  REQUIRE(path_call(AUDIT_ARCH_X86_64, SYS_openat) != nullptr);
  CHECK(path_call(AUDIT_ARCH_X86_64, SYS_openat)->name == "openat");
  CHECK(path_call(AUDIT_ARCH_X86_64, 452)->name == "fchmodat2");
  CHECK(path_call(AUDIT_ARCH_I386, 5)->name == "open");
  CHECK(path_call(AUDIT_ARCH_X86_64, SYS_read) == nullptr);
  CHECK(path_call(17, SYS_openat) == nullptr);
}
