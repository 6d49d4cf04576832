#include "report/findings.h"

#include <doctest/doctest.h>

#include "report_support.h"

using namespace testctr;
using namespace testctr::report_test;
using report::Circumstances;
using report::Finding;

namespace {

/// What is found where a command's program printed this and exited so.
std::vector<Finding> found(const std::string& printed, int code, const Circumstances& under = {}) {
  Failure failed;
  failed.reason = fmt::format("exit status {}", code);
  return report::findings_of(
      {started(0, "t.txt"), event(Event::Kind::command, 0, 3, "exec x", 0), output(0, "stderr", printed),
       failure(0, 3, failed), ended(0, Outcome::fail, "", 1)},
      under);
}

std::string one(const std::string& printed, int code, const Circumstances& under = {}) {
  const std::vector<Finding> all = found(printed, code, under);
  if (all.size() != 1) return fmt::format("{} findings", all.size());
  CHECK(all[0].line == 3);
  CHECK_FALSE(all[0].mend.empty());
  return all[0].kind + ": " + all[0].text;
}

}  // namespace

TEST_CASE("findings: programs that are not there, as shells and other programs say it") {
  const std::string make = "program: the program \"make\" was not found";
  CHECK(one("sh: 1: make: not found\n", 127) == make);
  CHECK(one("bash: line 1: make: command not found\n", 127) == make);
  CHECK(one("env: 'make': No such file or directory\n", 127) == make);
  CHECK(one("env: \u2018make\u2019: No such file or directory\n", 127) == make);
  CHECK(one("env: can't execute 'make': No such file or directory\n", 127) == make);
  CHECK(one("/bin/dash: 1: make: not found\n", 1) == make);
  CHECK(one("", 127) == "program: exit status 127: by custom, a program was not found");
  CHECK(one("", 126) == "program: exit status 126: by custom, a program was found and could not be started");
}

TEST_CASE("findings: what only looks like it") {
  CHECK(one("package make: not found\n", 1) == "0 findings");
  CHECK(one("error: the page: not found\n", 1) == "0 findings");
  CHECK(one("No such file or directory\n", 1) == "0 findings");
  CHECK(one("x: Permission denied\n", 1) == "0 findings");
  CHECK(one("", 1) == "0 findings");
}

TEST_CASE("findings: libraries and files") {
  CHECK(one("p: error while loading shared libraries: libz.so.1: cannot open shared object file: No such "
            "file or directory\n",
            127) == "library: the shared library \"libz.so.1\" is missing");
  CHECK(one("Error loading shared library libz.so.1: No such file or directory (needed by p)\n", 127) ==
        "library: the shared library \"libz.so.1\" is missing");
  CHECK(one("p: /lib/libc.so.6: version `GLIBC_2.38' not found (required by p)\n", 1) ==
        "library: a library of the image is too old: GLIBC_2.38 is asked for");
  CHECK(one("cat: /etc/x: No such file or directory\n", 1) == "file: there is no \"/etc/x\"");
  CHECK(one("ls: cannot access '/etc/x': No such file or directory\n", 2) == "file: there is no \"/etc/x\"");
}

TEST_CASE("findings: a name that cannot be resolved, where there is no network") {
  const std::string said = "curl: (6) Could not resolve host: example.org\n";
  CHECK(one(said, 6, {{"network", "none"}}).starts_with("network: the test has no network"));
  CHECK(one(said, 6, {{"network", "host"}}) == "0 findings");
}

TEST_CASE("findings: each once, no more than there may be, hostile bytes as they are") {
  CHECK(found("sh: a: not found\nsh: a: not found\n", 127).size() == 1);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += fmt::format("sh: a{}: not found\n", i);
  CHECK(found(many, 127).size() == report::most_findings);
  CHECK(found("sh: \x1b[31m\xff: not found\n", 127).size() == 1);
  CHECK(found(std::string(100'000, 'x') + ": not found\n", 127).size() == 1);
}

TEST_CASE("findings: limits, refused calls") {
  Event last = ended(0, Outcome::fail, "the container went over its memory limit", 1);
  last.peak_memory = uint64_t{63} << 20;
  const auto memory = report::findings_of({started(0, "t"), last}, {{"limit.memory", "67108864"}});
  REQUIRE(memory.size() == 1);
  CHECK(memory[0].kind == "limit");
  CHECK(memory[0].mend == "--memory SIZE allows more");
  last.peak_memory = uint64_t{20} << 20;
  CHECK(report::findings_of({started(0, "t"), last}, {{"limit.memory", "67108864"}}).empty());
  const auto refused = report::findings_of({denied(0, {7, "mount", "mount", 2})}, {});
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].line == 7);
  CHECK(refused[0].text == "the filter refused \"mount\" the system call mount (2 times)");
}

TEST_CASE("findings: what is different") {
  const Circumstances was{{"script", "a"},       {"env.A", "1"},  {"env.B", "1"}, {"limit.memory", "1048576"},
                          {"image", "sha256:1"}, {"kernel", "6"}, {"unix_s", "1"}};
  CHECK(report::differences(was, was).empty());
  CHECK(report::differences(was, {{"script", "b"},
                                  {"env.A", "2"},
                                  {"env.C", "1"},
                                  {"image", "sha256:2"},
                                  {"kernel", "7"},
                                  {"unix_s", "2"}}) ==
        std::vector<std::string>{
            "the variable A had another value", "the variable B was set", "the variable C was not set",
            "the image is another one: sha256:1, now sha256:2", "the kernel was another one: 6, now 7",
            "the limit memory was 1.0 MiB, now the usual one", "the test's own text has changed"});
  Circumstances unknown = was;
  unknown.erase("image");
  CHECK(report::differences(was, unknown).empty());
}
