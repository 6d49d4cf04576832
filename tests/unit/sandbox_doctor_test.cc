// What doctor says must agree with what containers do.
#include <doctest/doctest.h>

#include <algorithm>

#include "sandbox/doctor.h"
#include "sandbox_support.h"

using namespace testctr;
using namespace testctr::sandbox;
using namespace testctr::sandbox::tests;

TEST_CASE("sandbox doctor: good news where containers run, a mend where something is broken") {
  TemporaryDirectory dir;
  chmod(dir.path().c_str(), 0755);
  auto findings = examine(dir.path());
  CHECK(findings.size() >= 7);
  for (const char* subject : {"user namespaces", "overlayfs", "system call filter", "store", "a container"}) {
    CHECK(std::any_of(findings.begin(), findings.end(),
                      [&](const Finding& f) { return f.subject == subject; }));
  }
  bool broken = false;
  for (const Finding& f : findings) {
    MESSAGE(f.subject << ": " << f.detail << (f.mend.empty() ? "" : " -> " + f.mend));
    broken = broken || f.grade == Finding::Grade::broken;
    CHECK_FALSE(f.detail.empty());
    if (f.grade == Finding::Grade::broken) CHECK_FALSE(f.mend.empty());
  }
  TemporaryDirectory other;
  chmod(other.path().c_str(), 0755);
  Spec spec;
  spec.root.layers = {other.path()};
  auto o = run(spec, [](Inside&) { return 0; });
  CHECK(broken == (o.status != 0));
  CHECK(host("test -z \"$(ls -A " + dir.path() + ")\""));
}

TEST_CASE("sandbox doctor: a store that is not there") {
  auto findings = examine("/nowhere/at/all");
  auto store =
      std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return f.subject == "store"; });
  REQUIRE(store != findings.end());
  CHECK(store->grade == Finding::Grade::broken);
  CHECK(store->mend.find("TESTCTR_HOME") != std::string::npos);
}
