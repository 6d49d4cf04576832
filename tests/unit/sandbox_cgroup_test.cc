// Control groups: where we are, what is written, and what they hold on a machine that has them.
#include <doctest/doctest.h>

#include "sandbox/cgroup.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

TEST_CASE("sandbox cgroup: our groups are found in hierarchies of both versions") {
  const char* mounts =
      "24 1 0:22 / /proc rw - proc proc rw\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 /outer /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory\n"
      "36 31 0:33 /else /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/with\\040blank rw,relatime - cgroup2 cgroup2 rw\n";
  const char* groups =
      "9:name=systemd:/\n8:pids:/own\n4:memory:/outer/inner\n2:cpu,cpuacct:/\n0::/user.slice/one.scope\n";
  auto found = hierarchies(mounts, groups);
  REQUIRE(found.size() == 4);
  CHECK(found[0] ==
        Hierarchy{false, {"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"});
  CHECK(found[1] == Hierarchy{false, {"memory"}, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/inner"});
  CHECK(found[2].controllers == std::vector<std::string>{"name=systemd"});
  CHECK(found[3] ==
        Hierarchy{true, {}, "/sys/fs/cgroup/with blank", "/sys/fs/cgroup/with blank/user.slice/one.scope"});
  CHECK(hierarchies("nonsense\n1 2 3\n", "::\n:\n").empty());
}

TEST_CASE("sandbox cgroup: what is written for each version, and what nobody asked for") {
  Limits limits;
  limits.memory = 1000;
  limits.pids = 7;
  CHECK(group_settings(limits, false, true).empty());
  CHECK(group_settings(limits, true, false) ==
        std::vector<GroupSetting>{{"memory", "memory.max", "1000", false},
                                  {"memory", "memory.swap.max", "0", true},
                                  {"memory", "memory.oom.group", "1", true},
                                  {"pids", "pids.max", "7", false}});
  limits.cpus = 0.5;
  limits.memory_asked = true;
  CHECK(group_settings(limits, false, true) ==
        std::vector<GroupSetting>{{"memory", "memory.limit_in_bytes", "1000", false},
                                  {"memory", "memory.memsw.limit_in_bytes", "1000", true},
                                  {"cpu", "cpu.cfs_period_us", "100000", false},
                                  {"cpu", "cpu.cfs_quota_us", "50000", false}});
  CHECK(group_settings(limits, true, true).back() == GroupSetting{"cpu", "cpu.max", "50000 100000", false});
}

TEST_CASE("sandbox cgroup: events") {
  CHECK(group_event("low 0\noom 3\noom_kill 2\n", "oom_kill") == 2);
  CHECK(group_event("max 17\n", "max") == 17);
  CHECK(group_event("maximum 17\n", "max") == 0);
  CHECK(group_event("", "max") == 0);
}

TEST_CASE("sandbox cgroup: groups are made, joined, removed, and those of the dead are swept") {
  Limits limits;
  limits.pids = 100;
  limits.pids_asked = true;
  std::string path;
  {
    Group group = Group::make(limits);
    if (group.pids().empty()) {
      MESSAGE("skipped, because no control group can be written here " << group.reason());
      return;
    }
    pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    CHECK(group.add(child, false).ok());
    auto now = sys::read_file(fmt::format("/proc/{}/cgroup", child));
    REQUIRE(now.ok());
    const size_t at = now.value().find(fmt::format("/testctr-{}-", getpid()));
    REQUIRE(at != std::string::npos);
    CHECK_FALSE(group.read().pids_exceeded);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (const Hierarchy& each : hierarchies(std::move(sys::read_file("/proc/self/mountinfo")).value(),
                                             std::move(sys::read_file("/proc/self/cgroup")).value())) {
      for (const std::string& name : each.controllers) {
        if (name == "pids") path = each.own;
      }
    }
  }
  if (path.empty()) return;  // version 2: the group lies somewhere above
  CHECK_FALSE(host("ls -d " + path + fmt::format("/testctr-{}-* >/dev/null 2>&1", getpid())));
  pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  const std::string left = fmt::format("{}/testctr-{}-1", path, dead);
  REQUIRE(mkdir(left.c_str(), 0755) == 0);
  { Group other = Group::make(limits); }
  CHECK(access(left.c_str(), F_OK) != 0);
  rmdir(left.c_str());
}

TEST_CASE("sandbox cgroup: a limit of processors that nothing can keep is refused") {
  if (!have_busybox() || geteuid() == 0) {
    if (geteuid() == 0) MESSAGE("skipped, because root may make control groups");
    return;
  }
  Limits limits;
  limits.cpus = 0.5;
  if (!Group::make(limits).cpus().empty()) return;
  TemporaryDirectory dir;
  Spec spec;
  spec.root.layers = {busybox_layer(dir)};
  spec.limits.cpus = 0.5;
  auto o = run(spec, "true");
  CHECK(o.output.find("0.5 processors") != std::string::npos);
  CHECK(o.output.find("Delegate=yes") != std::string::npos);
}
