#include "sandbox/confined.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {
namespace {

// What a confined process says, and how it ends.
struct Heard {
  std::string text;
  int status = -1;
};

Heard confined(ConfinedSpec spec, const std::function<void()>& before, const Body& body) {
  auto [ours, theirs] = sys::socket_pair(SOCK_STREAM).value();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ours.reset();
    before();
    spec.channel = theirs.get();
    spec.failed = [&](const Error& error) { (void)sys::write_full(spec.channel, "failed: " + error.full()); };
    run_confined(spec, body);
  }
  theirs.reset();
  Heard heard;
  heard.text = sys::read_all(ours.get(), 1 << 20).value();
  ::waitpid(pid, &heard.status, 0);
  return heard;
}

std::string field(const std::string& status, const std::string& name) {
  for (std::string_view line : text::lines(status)) {
    if (line.starts_with(name + ":")) return std::string(text::trim(line.substr(name.size() + 1)));
  }
  return "";
}

// /proc/thread-self/status of the body's thread, descriptors that are open, what was refused.
int describe(Inside& inside) {
  const proc::Place place = proc::place("thread-self/status");
  std::string text = sys::read_file_at(place.directory, place.path, 65536).value();
  text += fmt::format("User:{}\nDumpable:{}\n", inside.user(), ::prctl(PR_GET_DUMPABLE));
  text += fmt::format("Mount:{}\n", ::syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr) == 0);
  for (int fd = 0; fd < 64; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) text += fmt::format("Open:{}\n", fd);
  }
  for (const Refusal& refusal : inside.take_refusals()) text += "Refused-" + refusal.syscall + ":1\n";
  for (const std::string& note : inside.notes()) text += "Note:" + note + "\n";
  (void)sys::write_full(inside.channel(), text);
  return 7;
}

}  // namespace

TEST_CASE("sandbox: a process is confined where it is") {
  ConfinedSpec spec;
  spec.notes = {"said before"};
  const Heard heard = confined(
      spec, [] { (void)::dup2(0, 50); }, describe);
  INFO(heard.text);
  CHECK(WEXITSTATUS(heard.status) == 7);
  CHECK(field(heard.text, "NoNewPrivs") == "1");
  CHECK(field(heard.text, "Dumpable") == "0");
  CHECK(field(heard.text, "Mount") == "false");
  CHECK(field(heard.text, "Note") == "said before");
  CHECK(heard.text.find("Open:50\n") == std::string::npos);
  const uint64_t caps = std::strtoull(field(heard.text, "CapPrm").c_str(), nullptr, 16);
  CHECK((caps & ~kept_capabilities()) == 0);
  if (field(heard.text, "Note").find("not recorded") == std::string::npos)
    CHECK(field(heard.text, "Refused-mount") == "1");
}

TEST_CASE("sandbox: a confined process without capabilities, and as another user") {
  if (::geteuid() != 0) return;
  ConfinedSpec spec;
  const Heard none = confined(
      spec,
      [] {
        (void)limit_bounding_set(0);
        (void)drop_capabilities(0);
      },
      describe);
  INFO(none.text);
  CHECK(WEXITSTATUS(none.status) == 7);
  CHECK(field(none.text, "CapPrm") == "0000000000000000");
  const Heard ordinary = confined(
      spec,
      [] {
        (void)::setresgid(1234, 1234, 1234);
        (void)::setresuid(1234, 1234, 1234);
      },
      describe);
  INFO(ordinary.text);
  CHECK(WEXITSTATUS(ordinary.status) == 7);
  CHECK(field(ordinary.text, "User") == "1234");
  spec.user = "4321:77";
  const Heard became = confined(
      spec, [] {}, describe);
  INFO(became.text);
  CHECK(WEXITSTATUS(became.status) == 7);
  CHECK(field(became.text, "Uid") == "4321\t4321\t4321\t4321");
  CHECK(field(became.text, "Gid") == "77\t77\t77\t77");
  CHECK(field(became.text, "CapEff") == "0000000000000000");
  const Heard refused = confined(
      spec, [] { (void)drop_capabilities(0); }, describe);
  CHECK(refused.text.find("failed: ") == 0);
  CHECK(refused.text.find("becoming the user 4321:77") != std::string::npos);
}

TEST_CASE("sandbox: a confined process in a root without /proc and /dev") {
  if (::geteuid() != 0) return;
  char folder[] = "/tmp/confined-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  ConfinedSpec spec;
  spec.proc = ::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const Heard heard = confined(
      spec,
      [&] {
        (void)::chroot(folder);
        (void)::chdir("/");
      },
      describe);
  ::close(spec.proc);
  ::rmdir(folder);
  INFO(heard.text);
  CHECK(WEXITSTATUS(heard.status) == 7);
  CHECK(field(heard.text, "NoNewPrivs") == "1");
}

TEST_CASE("sandbox: a profile that cannot be lived under is said") {
  ConfinedSpec spec;
  spec.seccomp = "all.json";
  spec.profile = R"({"defaultAction": "SCMP_ACT_KILL_THREAD", "syscalls": []})";
  const Heard heard = confined(
      spec, [] {}, describe);
  CHECK(heard.text.find("failed: ") == 0);
  CHECK(heard.text.find("kills the runner itself") != std::string::npos);
  spec.profile = "{";
  CHECK(confined(
            spec, [] {}, describe)
            .text.find("failed: ") == 0);
}

}  // namespace testctr::sandbox
