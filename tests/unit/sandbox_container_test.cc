// Containers from a directory with busybox: what is inside, and what is not.
#include <doctest/doctest.h>

#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

namespace {
using Fixture = BusyboxFixture;
}  // namespace

TEST_CASE("sandbox container: a shell runs, and its status comes out") {
  if (!have_busybox()) return;
  Fixture f;
  auto o = run(f.spec, "echo hello; id -u; hostname; exit 7");
  CHECK(o.output == "hello\n0\ntestctr\n");
  CHECK(o.status == 7);
  CHECK_FALSE(o.ending.setup_error);
}

TEST_CASE("sandbox container: every process is filtered and unprivileged") {
  if (!have_busybox()) return;
  Fixture f;
  auto o = run(f.spec,
               "grep -h -E '^(Seccomp|NoNewPrivs|CapEff|CapBnd|CapInh|CapAmb):' /proc/[0-9]*/task/*/status | "
               "sort | uniq | tr '\\t' ' '");
  // applets that are not linked are run through the multi-call binary
  if (o.status == 127)
    o = run(f.spec,
            "grep -h -E '^(Seccomp|NoNewPrivs|CapEff|CapBnd|CapInh|CapAmb):' /proc/[0-9]*/task/*/status | "
            "busybox sort -u | busybox tr '\\t' ' '");
  CHECK(o.output ==
        "CapAmb: 0000000000000000\nCapBnd: 00000000800405fb\nCapEff: 00000000800405fb\nCapInh: "
        "0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n");
}

TEST_CASE("sandbox container: the image is written copy on write") {
  if (!have_busybox()) return;
  Fixture f;
  auto o = run(f.spec,
               "echo x > /etc/passwd && mkdir /new && rm /bin/cat && rm -r /etc && mkdir /etc && ls -A /etc; "
               "echo end");
  CHECK(o.output == "end\n");
  CHECK(access((f.dir / "layer/bin/cat").c_str(), F_OK) == 0);
  CHECK(access((f.dir / "layer/new").c_str(), F_OK) != 0);
}

TEST_CASE("sandbox container: a layer that is not there is an error of the set-up") {
  Fixture f;
  f.spec.root.layers.push_back(f.dir / "missing");
  auto o = run(f.spec, "true");
  REQUIRE(o.ending.setup_error);
  CHECK(o.output.find("missing") != std::string::npos);
}
