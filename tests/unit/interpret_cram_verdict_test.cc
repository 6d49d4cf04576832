// Verdicts over a whole document, as Cram has them: nothing runs here.
#include "interpret/cram_verdict.h"

#include <doctest/doctest.h>

using namespace testctr;
using namespace testctr::interpret;

namespace {

struct Ran {
  std::string output;
  int code = 0;
  bool passed_alone = true;
  bool shell_ended = false;
};

std::vector<script::Document> documents(const std::string& source) {
  auto document = script::read_cram("d.t", source, {script::Compat::cram, 2});
  REQUIRE(document.ok());
  std::vector<script::Document> parts;
  parts.push_back(std::move(document).value());
  return parts;
}

/// The verdicts over a document whose first cases did this: "pass" or "fail LINE" for each.
std::vector<std::string> verdicts(const std::string& source, const std::vector<Ran>& ran,
                                  bool given_up = false) {
  const auto parts = documents(source);
  CramVerdicts all(parts, "/bin/sh", "/control", 1000);
  for (size_t i = 0; i < ran.size(); ++i) {
    CramCase one;
    one.test = &parts[0].cases[i];
    one.output = ran[i].output;
    one.code = ran[i].code;
    one.shell_ended = ran[i].shell_ended;
    one.verdict.passed = ran[i].passed_alone;
    one.verdict.line = one.test->line;
    all.take(std::move(one));
  }
  if (given_up) all.give_up();
  std::vector<std::string> told;
  for (const CramCase& one : all.settle())
    told.push_back(one.verdict.passed ? "pass" : "fail " + std::to_string(one.verdict.line));
  CHECK(all.settle().empty());
  return told;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("Cram's verdict: a document that it takes passes, whatever its cases seem alone") {
  CHECK(verdicts("  $ a\n  [1]\n", {{"[1]\n", 0, false}}) == Told{"pass"});
  CHECK(verdicts("  $ a\n  $ exit 3\n", {{"", 0}, {"", 3, false, true}}) == Told{"pass", "pass"});
  CHECK(verdicts("  $ a\n  [1]\n", {{"[1]\n", 0, false}}, true) == Told{"fail 1"});
}

TEST_CASE("Cram's verdict: of a document that it does not take, one case fails at least") {
  CHECK(verdicts("  $ a\n  1\n  $ b\n\n  2\n", {{"1\n"}, {"2\n"}}) == Told{"pass", "fail 3"});
  CHECK(verdicts("  orphan\n  $ a\n", {{""}}) == Told{"fail 1"});
  CHECK(verdicts("  $ exit 3\n  [3]\n", {{"", 3, true, true}}) == Told{"fail 2"});
  CHECK(verdicts("  $ a\n  1\n  $ b\n  2\n", {{"1\n"}, {"3\n", 0, false}}) == Told{"pass", "fail 3"});
  // A case that is missing makes the document red by itself.
  CHECK(verdicts("  $ a\n  1\n  $ b\n  2\n", {{"1\n", 0, true, true}}) == Told{"pass"});
}

TEST_CASE("Cram's verdict: the difference is told, and cut where it is long") {
  std::string source = "  $ a\n", output;
  for (int i = 0; i < 20'000; ++i) source += "text\n  x" + std::to_string(i) + "\n";
  const auto parts = documents(source);
  CramVerdicts all(parts, "/bin/sh", "/control", 1000);
  CramCase one;
  one.test = parts[0].cases.data();
  one.verdict.passed = true;
  all.take(std::move(one));
  const auto cases = all.settle();
  REQUIRE(cases.size() == 1);
  CHECK(!cases[0].verdict.passed);
  CHECK(cases[0].verdict.failure.diff.starts_with("--- d.t\n+++ d.t.err\n@@ -1,"));
  CHECK(cases[0].verdict.failure.diff.ends_with("\n... (more)\n"));
  CHECK(cases[0].verdict.failure.diff.size() < 66'000);
}

TEST_CASE("Cram's verdict: commands stand in the lines of Cram's script") {
  const auto parts = documents("  $ a\n  > b\n\n  $ c\n  $ d\n");
  CramVerdicts all(parts, "/bin/sh", "/control", 1000);
  CHECK(all.expression(0, parts[0].cases[0]) == "\na\nb");
  CHECK(all.expression(0, parts[0].cases[1]) == "\n\n\n\nc");
  CHECK(all.expression(0, parts[0].cases[2]) == "\n\n\n\n\n\nd");
  CHECK(all.expression(1, parts[0].cases[1]) == "\nc");
}

TEST_CASE("Cram's verdict: what shells say about the file of a case") {
  const auto parts = documents("  $ a\n");
  const CramVerdicts all(parts, "/bin/sh", "/control", 1000);
  CHECK(all.as_from_input("x\n/bin/sh: 4: /control/case: y: not found\nz") ==
        "x\n/bin/sh: 4: y: not found\nz");
  CHECK(all.as_from_input("no end/bin/sh: 41: /control/case: y: not found\n") ==
        "no end/bin/sh: 41: y: not found\n");
  CHECK(all.as_from_input("/control/case: line 2: y: command not found\n") ==
        "/bin/sh: line 2: y: command not found\n");
  for (const char* other : {"/control/case: y", "/bin/dash: 4: /control/case: y", ": /control/case: ",
                            "/bin/sh: : /control/case: ", "4: /control/case: 4: /control/case: ", "nothing"})
    CHECK(all.as_from_input(other).value_or(other) == other);
}

TEST_CASE("Cram's verdict: no more output is kept than is allowed") {
  const auto parts = documents("  $ a\n");
  CramVerdicts all(parts, "/bin/sh", "/control", 10);
  CHECK(all.has_room(10));
  CHECK(!all.has_room(11));
  CramCase one;
  one.test = parts[0].cases.data();
  one.output = "1234";
  all.take(std::move(one));
  CHECK(all.has_room(6));
  CHECK(!all.has_room(7));
}
