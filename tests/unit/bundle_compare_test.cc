#include "bundle/compare.h"

#include <doctest/doctest.h>

namespace testctr::bundle {
namespace {

RecordedTest test(Outcome outcome, std::vector<RecordedStep> steps = {}) {
  RecordedTest one;
  one.name = "t.txt";
  one.outcome = outcome;
  one.steps = std::move(steps);
  return one;
}

RecordedTest error(const char* fault, const std::string& reason) {
  RecordedTest one = test(Outcome::error);
  one.fault = fault;
  one.reason = reason;
  return one;
}

RecordedStep step(uint32_t line, const std::string& out, const std::string& reason = "") {
  RecordedStep one;
  one.line = line;
  one.command = "exec echo\nmore";
  one.out = out;
  one.failed = !reason.empty();
  one.reason = reason;
  return one;
}

Recording of(std::vector<RecordedTest> tests) { return {{}, std::move(tests)}; }

TEST_CASE("what ends as recorded is reproduced") {
  const Recording passed = of({test(Outcome::pass, {step(1, "a")})});
  CHECK(compare(passed, passed).verdict == Verdict::reproduced);
  const Recording failed = of({test(Outcome::fail, {step(1, "a"), step(2, "b", "no match")})});
  const Comparison same = compare(failed, failed);
  CHECK(same.verdict == Verdict::reproduced);
  CHECK(same.outcome.empty());
  CHECK(same.output.empty());
  const Recording other_output = of({test(Outcome::fail, {step(1, "x"), step(2, "b", "no match")})});
  CHECK(compare(failed, other_output).verdict == Verdict::reproduced);
  CHECK(compare(failed, other_output).output.find("t.txt:1, stdout of `exec echo`") == 0);
}

TEST_CASE("another line, reason or outcome differs") {
  const Recording failed = of({test(Outcome::fail, {step(2, "", "no match")})});
  CHECK(compare(failed, of({test(Outcome::fail, {step(3, "", "no match")})})).verdict == Verdict::differs);
  CHECK(compare(failed, of({test(Outcome::fail, {step(2, "", "exit 1")})})).verdict == Verdict::differs);
  CHECK(compare(failed, of({test(Outcome::skip)})).verdict == Verdict::differs);
  RecordedTest elsewhere = test(Outcome::fail, {step(2, "", "no match")});
  elsewhere.steps[0].place = "db";
  CHECK(compare(failed, of({elsewhere})).verdict == Verdict::differs);
  const Comparison passed_then = compare(of({test(Outcome::pass)}), failed);
  CHECK(passed_then.verdict == Verdict::differs);
  CHECK(passed_then.outcome == "t.txt: recorded pass; now fail at t.txt:2: no match");
}

TEST_CASE("a test that failed and passes is not reproduced, and that outweighs all") {
  const Recording recorded =
      of({test(Outcome::fail, {step(1, "", "a")}), test(Outcome::fail, {step(2, "", "b")})});
  const Recording now = of({test(Outcome::fail, {step(9, "", "a")}), test(Outcome::pass)});
  const Comparison comparison = compare(recorded, now);
  CHECK(comparison.verdict == Verdict::not_reproduced);
  CHECK(comparison.outcome == "t.txt: recorded fail at t.txt:2: b; now pass");
}

TEST_CASE("where this machine is at fault, or a test was not run, nothing can be told") {
  const Recording failed = of({test(Outcome::fail, {step(2, "", "no match")})});
  const Recording passed = of({test(Outcome::pass)});
  for (const Recording* recorded : {&failed, &passed}) {
    for (const char* fault : {"infrastructure", "internal", ""})
      CHECK(compare(*recorded, of({error(fault, "no image")})).verdict == Verdict::cannot_tell);
    CHECK(compare(*recorded, of({error("usage", "no such word")})).verdict == Verdict::differs);
    CHECK(compare(*recorded, of({test(Outcome::not_run)})).verdict == Verdict::cannot_tell);
    CHECK(compare(*recorded, of({})).verdict == Verdict::cannot_tell);
  }
  // What is known of another test is known all the same, and it is what is told.
  const Comparison both = compare(of({failed.tests[0], failed.tests[0]}),
                                  of({error("infrastructure", "no image"), test(Outcome::pass)}));
  CHECK(both.verdict == Verdict::not_reproduced);
  CHECK(both.outcome.ends_with("now pass"));
}

TEST_CASE("errors are the same when they are the same error") {
  const auto verdict = [](const RecordedTest& recorded, const RecordedTest& now) {
    return compare(of({recorded}), of({now})).verdict;
  };
  const RecordedTest died = error("infrastructure", "starting db: /tmp/a.1/x: it died after 1.5s\nhint /a");
  CHECK(verdict(died, died) == Verdict::reproduced);
  CHECK(verdict(died, error("infrastructure", "starting db: /run/b/y: it died after 300ms\nhint b")) ==
        Verdict::reproduced);
  CHECK(verdict(died, error("", "starting db: /x: it died after 2h")) == Verdict::reproduced);
  CHECK(verdict(died, error("usage", "starting db: /x: it died after 2h")) == Verdict::differs);
  CHECK(verdict(error("usage", "a"), error("infrastructure", "a")) == Verdict::cannot_tell);
  for (const char* other :
       {"starting web: /x: it died after 2s", "starting db: /x: it died after 2", "starting db: /x: no space",
        "starting db: x: it died after 2s", "starting db: /x: it died after 2seconds", ""})
    CHECK(verdict(died, error("infrastructure", other)) == Verdict::cannot_tell);
  CHECK(verdict(error("usage", "exit status 3"), error("usage", "exit status 4")) == Verdict::differs);
  CHECK(verdict(error("usage", "a/b"), error("usage", "a/c")) == Verdict::differs);
}

TEST_CASE("the first difference of output is told, and none where other steps ran") {
  const Recording recorded = of({test(Outcome::pass, {step(1, "a\n"), step(2, "b\n"), step(3, "c\n")})});
  const Comparison second =
      compare(recorded, of({test(Outcome::pass, {step(1, "a\n"), step(2, "x\n"), step(3, "y\n")})}));
  CHECK(second.output.find("t.txt:2") == 0);
  CHECK(second.output.find("-b") != std::string::npos);
  CHECK(second.output.find("+x") != std::string::npos);
  CHECK(second.output.find("+y") == std::string::npos);
  CHECK(compare(recorded, of({test(Outcome::pass, {step(7, "x\n")})})).output.empty());
  CHECK(compare(recorded, of({test(Outcome::pass)})).output.empty());
}

TEST_CASE("what is hostile is printable, and every difference of the machines is told") {
  Recording recorded = of({test(Outcome::fail, {step(1, "", "\x1b[2J")})}), now = of({test(Outcome::pass)});
  recorded.surroundings = {{"kernel", "5\x1b"}, {"user", "root"}, {"page size", "4096"}};
  now.surroundings = {{"kernel", "6"}, {"user", "root"}};
  const Comparison comparison = compare(recorded, now);
  CHECK(comparison.outcome.find('\x1b') == std::string::npos);
  REQUIRE(comparison.surroundings.size() == 2);
  CHECK(comparison.surroundings[0].find("kernel: recorded 5") == 0);
  CHECK(comparison.surroundings[0].find('\x1b') == std::string::npos);
  CHECK(comparison.surroundings[1] == "page size: recorded 4096; here ");
}

TEST_CASE("exit codes of verdicts") {
  CHECK(exit_code(Verdict::reproduced) == 0);
  CHECK(exit_code(Verdict::not_reproduced) == 1);
  CHECK(exit_code(Verdict::differs) == 6);
  CHECK(exit_code(Verdict::cannot_tell) == 3);
}

}  // namespace
}  // namespace testctr::bundle
