// What must be refused inside, tried by a program that runs inside (tests/programs/attack.c).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cstdlib>

#include "base/text.h"
#include "sandbox/filter.h"
#include "sandbox/table.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {

std::string attack_program() {
  const char* folder = std::getenv("TESTCTR_PROGRAMS");
  std::string self = std::move(sys::self_path()).value();
  return (folder != nullptr ? std::string(folder) : self.substr(0, self.rfind('/')) + "/programs") +
         "/attack";
}

struct Fixture : BusyboxFixture {
  bool ready = false;
  Fixture() {
    if (!have_busybox() || access(attack_program().c_str(), X_OK) != 0) {
      MESSAGE("skipped, because there is no busybox or no " << attack_program());
      return;
    }
    spec.program = dir / "us";
    ready =
        host("cp " + attack_program() + " " + (dir / "layer/bin/") + " && cp /bin/busybox " + spec.program);
  }
  void refused(const std::string& name, const std::string& argument = "") {
    if (!ready) return;
    auto o = run(spec, "exec /bin/attack " + name + " " + argument);
    CAPTURE(o.output);
    CHECK(o.status == 0);
    CHECK(o.output.find("DONE") == std::string::npos);
    CHECK(o.output.find("LEAKED") == std::string::npos);
    // Who cannot be run cannot be refused anything.
    CHECK(o.output.find("not found") == std::string::npos);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "sandbox security: mounting") { refused("mount"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: unmounting") { refused("umount"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: namespaces") { refused("namespaces"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: keyrings") { refused("keys"); }
TEST_CASE_FIXTURE(Fixture,
                  "sandbox security: bpf, userfaultfd, io_uring, perf, the kernel's log, file handles") {
  refused("interfaces");
}
TEST_CASE_FIXTURE(Fixture, "sandbox security: AF_ALG, AF_VSOCK, packets, raw sockets") { refused("sockets"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: typing into a terminal") { refused("typing"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: the kernel's settings") { refused("settings"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: other processes' programs") { refused("programs"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: our own program") { refused("binary"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: devices") { refused("devices"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: limits, clock, modules") { refused("priority"); }
TEST_CASE_FIXTURE(Fixture, "sandbox security: limits and share of the first process") { refused("first"); }

TEST_CASE_FIXTURE(Fixture, "sandbox security: a descriptor that the runner leaks does not come in") {
  int leaked = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC, as libraries do
  refused("descriptors");
  close(leaked);
}

TEST_CASE_FIXTURE(Fixture, "sandbox security: the host's abstract sockets") {
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = fmt::format("sandbox-test-{}", getpid());
  memcpy(address.sun_path + 1, name.data(), name.size());
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())) == 0);
  listen(listener, 1);
  refused("abstract", name);
  close(listener);
}

TEST_CASE_FIXTURE(Fixture, "sandbox security: without a filter, a nested user namespace opens nothing") {
  spec.seccomp = "unconfined";
  refused("nested");
}

TEST_CASE_FIXTURE(
    Fixture, "sandbox security: the interpreter can be neither read, written, traced, stopped nor killed") {
  if (!ready) return;
  for (const char* seccomp : {"default", "unconfined"}) {
    CAPTURE(seccomp);
    spec.seccomp = seccomp;
    auto o = run(spec, [](Inside& in) {
      run_shell(in, "/bin/attack interpreter");
      // Still here, and the only one who can say so.
      (void)sys::write_full(in.channel(), "honest\n");
      return 3;
    });
    CAPTURE(o.output);
    CHECK(o.status == 3);
    CHECK(o.output.find("FORGED") == std::string::npos);
    CHECK(o.output.find("DONE") == std::string::npos);
    CHECK(o.output.find("end\n") != std::string::npos);
    CHECK(o.output.ends_with("honest\n"));
  }
}

TEST_CASE_FIXTURE(Fixture, "sandbox security: refusals are recorded with program, call and label") {
  if (!ready) return;
  auto o = run(spec, [](Inside& in) {
    in.set_label(7);
    run_shell(in, "/bin/attack keys >/dev/null; /bin/attack keys > /dev/null");
    for (const Refusal& r : in.take_refusals())
      (void)sys::write_full(in.channel(),
                            fmt::format("{} {} {} {}\n", r.label, r.program, r.syscall, r.count));
    for (const std::string& note : in.notes()) {
      if (note.find("not recorded") != std::string::npos) (void)sys::write_full(in.channel(), note);
    }
    return 0;
  });
  CHECK(o.output == "7 attack add_key 2\n7 attack keyctl 2\n7 attack request_key 2\n");
}

TEST_CASE_FIXTURE(
    Fixture,
    "sandbox security: every refused number of both architectures answers inside as the table says") {
  if (!ready) return;
  std::string error;
  const Table table = *parse_table(default_table_text(), error);
  std::string questions, expected;
  for (int abi : {64, 32}) {
    for (int number = 0; number < 1024; ++number) {
      char* resolved =
          seccomp_syscall_resolve_num_arch(abi == 64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386, number);
      std::string name = resolved != nullptr ? resolved : "";
      std::free(resolved);
      for (const auto& [own, value] : table.numbers) {
        if (abi == 64 && value == number) name = own;
      }
      auto rule = table.rules.find(name);
      uint64_t arguments[6] = {};
      if (rule != table.rules.end() && rule->second.when) {
        const ArgumentTest& when = *rule->second.when;
        arguments[when.argument] = when.negated ? when.mask : when.values[0];
      }
      Verdict verdict = rule == table.rules.end() ? Verdict::nosys : rule->second.judge(arguments);
      // What is allowed is up to the kernel, and much of it would end the program that asks.
      if (verdict != Verdict::deny && verdict != Verdict::nosys) continue;
      std::string line = fmt::format("{} {} {} {} {}", abi, number, arguments[0], arguments[1], arguments[2]);
      questions += line + "\n";
      expected += fmt::format("{} {}\n", line, verdict == Verdict::deny ? EPERM : ENOSYS);
    }
  }
  REQUIRE(sys::write_file_at(AT_FDCWD, dir / "layer/questions", questions).ok());
  auto o = run(spec, "/bin/attack calls < /questions");
  auto answers = text::split(o.output, '\n'), wanted = text::split(expected, '\n');
  REQUIRE(answers.size() == wanted.size());
  CHECK(answers.size() > 1000);
  // A filter around this process that makes newer calls unknown (tests/programs/oldkernel.c) is heard before
  // ours.
  const bool old_kernel = syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) < 0 && errno == ENOSYS;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (old_kernel && answers[i].ends_with(" 38")) continue;
    CHECK(answers[i] == wanted[i]);
  }
}
