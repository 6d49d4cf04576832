// Profiles in the format of Docker and the OCI: what is understood, what is refused, and how our own table
// differs from the two that are in use.
#include <doctest/doctest.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <set>
#include <tuple>

#include "base/text.h"
#include "sandbox/filter.h"
#include "sandbox/profile.h"
#include "sandbox_bpf.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {

uint32_t ask(std::span<const sock_filter> program, int number, uint64_t first = 0, uint64_t second = 0) {
  seccomp_data data{
      .nr = number, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = 0, .args = {first, second}};
  return evaluate(program, data);
}

std::string refused(const std::string& json) {
  auto result = compile_profile(json, "p.json", "6.1.0");
  return result.ok() ? "accepted" : result.error().message();
}

// The folder of profiles, beside the source tree where it is.
std::string data_file(const std::string& name) {
  const char* folder = std::getenv("TESTCTR_DATA");
  return folder != nullptr ? std::string(folder) + "/seccomp/" + name : "";
}

}  // namespace

TEST_CASE("sandbox profile: actions, arguments and conditions") {
  auto profile = compile_profile(R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "syscalls": [{"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
                 {"name": "mount", "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
                 {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
                 {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
                 {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
                 {"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                 {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
                 {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                 {"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}}]})",
                                 "p.json", "6.1.0-18-amd64");
  REQUIRE_MESSAGE(profile.ok(), profile.error().full());
  const auto& program = profile.value().program;
  CHECK(profile.value().unknown_calls == std::vector<std::string>{"no_such_call"});
  constexpr uint32_t nosys = SECCOMP_RET_ERRNO | ENOSYS;
  CHECK(ask(program, SYS_read) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_open) == nosys);
  CHECK(ask(program, SYS_mount) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(ask(program, SYS_personality, 8) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_personality, 9) == nosys);
  CHECK(ask(program, SYS_socket, 1) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_socket, 2) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_socket, 3) == nosys);
  CHECK(ask(program, SYS_chroot) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_unshare) == nosys);
  CHECK(ask(program, SYS_bpf) == nosys);
  CHECK(ask(program, SYS_ptrace) == SECCOMP_RET_ALLOW);
  CHECK(ask(program, SYS_kcmp) == nosys);
  auto reporting = with_notifications(program);
  CHECK(ask(reporting, SYS_mount) == SECCOMP_RET_USER_NOTIF);
  CHECK(ask(reporting, SYS_open) == nosys);
}

TEST_CASE("sandbox profile: what cannot be understood is refused, and where") {
  CHECK(refused("{") != "accepted");
  CHECK(refused("[]").find("not an object") != std::string::npos);
  CHECK(refused(R"({"defaultAction": "SCMP_ACT_MAYBE"})").find("SCMP_ACT_MAYBE") != std::string::npos);
  CHECK(refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscals": []})").find("syscals") !=
        std::string::npos);
  CHECK(
      refused(
          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]})")
          .find("syscalls[0]") != std::string::npos);
  CHECK(
      refused(
          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]})")
          .find("argument 6") != std::string::npos);
  CHECK(refused(R"({"defaultAction": "SCMP_ACT_ALLOW"})") == "accepted");
}

TEST_CASE("sandbox profile: a profile of one's own works in a container, and its refusals are recorded") {
  if (!have_busybox()) return;
  BusyboxFixture fixture;
  auto& [dir, spec] = fixture;
  spec.seccomp = dir / "profile.json";
  REQUIRE(
      sys::write_file_at(
          AT_FDCWD, spec.seccomp,
          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]})")
          .ok());
  auto o = run(spec, [](Inside& in) {
    in.set_label(42);
    int status = run_shell(in, "mkdir /x; touch /y && echo made");
    for (const Refusal& r : in.take_refusals())
      (void)sys::write_full(in.channel(),
                            fmt::format("{} {} {} {}\n", r.label, r.program, r.syscall, r.count));
    return status;
  });
  CHECK(o.output == "mkdir: can't create directory '/x': Operation not permitted\nmade\n42 mkdir mkdir 1\n");
}

TEST_CASE(
    "sandbox profile: the profiles of Docker and Podman are accepted, and each difference from our table has "
    "its reason") {
  // What differs, and why. A difference that stands not here, or a line here without a difference, fails.
  const std::vector<std::tuple<const char*, const char*, const char*>> reasons = {
      {"moby-default.json", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
       "sets the memory policy of the caller alone, as Podman allows"},
      {"moby-default.json", "process_madvise",
       "needs the right to trace its target, which the kernel checks"},
      {"containers-common.json",
       "mount umount2 pivot_root unshare setns open_tree move_mount fsopen fsconfig fsmount fspick "
       "mount_setattr",
       "nobody mounts or makes namespaces in a container of ours; Podman leaves that to the user namespace"},
      {"containers-common.json", "clone3",
       "ENOSYS, as in Docker: its flags lie in memory, where a filter cannot see them"},
      {"containers-common.json", "keyctl", "the keyrings know no namespaces; Docker denies it too"},
      {"containers-common.json", "reboot syslog fanotify_init",
       "for the machine as a whole; Docker ties them to capabilities that a container of ours has not"},
      {"containers-common.json", "pidfd_getfd",
       "takes descriptors out of other processes; Docker ties it to CAP_SYS_PTRACE"},
      {"containers-common.json", "process_madvise",
       "needs the right to trace its target, which the kernel checks"},
      {"containers-common.json", "set_mempolicy_home_node",
       "sets the memory policy of the caller alone; younger than that list of names"},
      {"containers-common.json", "vmsplice io_pgetevents cachestat map_shadow_stack",
       "allowed by Docker; of no more power than their kin that both allow"},
  };
  for (const char* name : {"moby-default.json", "containers-common.json"}) {
    std::string path = data_file(name);
    if (path.empty() || access(path.c_str(), R_OK) != 0) {
      MESSAGE("skipped, because the folder of profiles (TESTCTR_DATA) is not there");
      return;
    }
    auto theirs = compile_profile(std::move(sys::read_file(path)).value(), name, "6.18.0");
    REQUIRE_MESSAGE(theirs.ok(), theirs.error().full());
    auto ours = default_filter(false, false);
    std::set<std::string> expected, found;
    for (const auto& [profile, calls, reason] : reasons) {
      REQUIRE(std::string(reason).size() > 20);
      if (profile != std::string(name)) continue;
      for (std::string& call : text::split(calls, ' ')) expected.insert(std::move(call));
    }
    for (int number = 0; number < 470; ++number) {
      char* resolved = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
      if (resolved == nullptr) continue;
      const bool here = ask(ours, number) == SECCOMP_RET_ALLOW,
                 there = ask(theirs.value().program, number) == SECCOMP_RET_ALLOW;
      if (here != there) found.insert(resolved);
      std::free(resolved);
    }
    CHECK(found == expected);
  }
}
