// Several attempts at a test, and tests that are expected to fail, in each report.
#include <doctest/doctest.h>

#include "base/json.h"
#include "report/ctrf.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/tap.h"
#include "report_support.h"

using namespace testctr;
using namespace testctr::report;
using namespace testctr::report_test;

namespace {

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("no " << part << " in: " << text);
  return false;
}

template <class R>
std::string report_of(const std::function<void(EventSink&)>& play_all, size_t scripts,
                      const RunEnding& ending = {}) {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<R>(out));
  RunStart start;
  start.scripts = scripts;
  start.unix_ns = 1'700'000'000'000'000'000;
  collector.start(start);
  play_all(collector);
  CHECK(collector.finish(ending).ok());
  return out.text();
}

}  // namespace

TEST_CASE("collector: the attempts of a test are kept apart, each with its own time") {
  struct Seen : Reporter {
    std::vector<std::string>& all;
    explicit Seen(std::vector<std::string>& to) : all(to) {}
    void attempt_ended(const ScriptReport& s) override {
      all.push_back(fmt::format("{}.{} at {}", s.name, s.attempt, s.started_ns / 1'000'000));
    }
    void script_ended(const ScriptReport& s) override {
      all.push_back(fmt::format("{} after {} at {}: {} cases, {} failures", s.name, s.earlier.size(),
                                s.started_ns / 1'000'000, s.cases.size(), s.failures.size()));
      for (const ScriptReport& e : s.earlier)
        all.push_back(fmt::format("  {} cases, {} failures", e.cases.size(), e.failures.size()));
    }
  };
  std::vector<std::string> all;
  Collector collector(false);
  collector.add(std::make_unique<Seen>(all));
  play_attempts(collector);
  CHECK(all ==
        std::vector<std::string>{
            "t/flaky.txt.0 at 0", "t/flaky.txt.1 at 10", "t/flaky.txt after 2 at 20: 0 cases, 0 failures",
            "  0 cases, 1 failures", "  0 cases, 1 failures", "never.txt.0 at 30",
            "never.txt after 1 at 40: 0 cases, 1 failures", "  0 cases, 1 failures", "a.md.0 at 50",
            "a.md after 1 at 50: 2 cases, 0 failures", "  2 cases, 1 failures",
            "known.txt after 0 at 60: 0 cases, 1 failures", "mended.txt after 0 at 62: 0 cases, 0 failures"});
}

TEST_CASE("junit: failing attempts before a pass are flaky failures, after a failure they are reruns") {
  const std::string xml = report_of<Junit>(play_attempts, 5);
  CHECK(has(xml, "tests=\"6\" failures=\"2\" errors=\"0\" skipped=\"1\""));
  CHECK(has(
      xml,
      "file=\"t/flaky.txt\">\n<flakyFailure message=\"line 2: no match in attempt 1\" type=\"mismatch\">\n"
      "<stackTrace>FAIL: t/flaky.txt:2: stdout never: no match in attempt 1\n  expected: never\n  actual: "
      "&lt;again&gt;\n</stackTrace>\n<system-out>&gt; stdout never\n</system-out>\n</flakyFailure>\n"
      "<flakyFailure message=\"line 2: no match in attempt 2\""));
  CHECK(has(xml,
            "<property name=\"attempts\" value=\"3\"/>\n<property name=\"cpu_seconds\" value=\"0.002500\"/>\n"
            "<property name=\"peak_memory_bytes\" value=\"1048576\"/>"));
  CHECK(has(xml, "<failure message=\"line 2: no match in attempt 1\" type=\"mismatch\">"));
  CHECK(has(xml, "</failure>\n<rerunFailure message=\"line 2: no match in attempt 2\" type=\"mismatch\">"));
  // A document's attempts are those of its cases.
  CHECK(has(
      xml,
      "line=\"8\">\n<flakyFailure message=\"exit status 1\" type=\"mismatch\">\n<stackTrace>FAIL: a.md:8"));
  CHECK(has(
      xml,
      "<testcase name=\"Steady\" classname=\"a\" time=\"0.002000\" file=\"a.md\" line=\"3\">\n</testcase>"));
  CHECK(has(xml, "<skipped message=\"expected to fail: issue #12\"/>"));
  CHECK(has(xml, "<failure message=\"passed, though expected to fail: it was broken\" type=\"mismatch\"/>"));
}

TEST_CASE("junit: what is counted is the element that is there") {
  const std::string xml = report_of<Junit>(
      [](EventSink& sink) {
        play_failing_attempt(sink, 0, "a.txt", 0, false, 0);
        Event begun = started(0, "a.txt", 20), end = ended(0, Outcome::error, "it was interrupted", 25);
        begun.attempt = end.attempt = 1;
        sink.take(begun);
        sink.take(end);
      },
      1);
  CHECK(has(xml, "tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\""));
  CHECK(has(xml, "<failure message"));
  CHECK(has(xml, "<rerunError message=\"it was interrupted\""));
  CHECK(xml.find("<error") == std::string::npos);
}

TEST_CASE("junit: an attempt of a document that its cases do not tell of is told beside them") {
  const auto play = [](EventSink& sink) {
    sink.take(started(0, "a.md"));
    sink.take(case_ended(0, 3, "First", Outcome::pass));
    sink.take(failure(0, 9, {"sleep 9", "the script's time limit of 1s was reached", "", "", "", ""}));
    Event end = ended(0, Outcome::fail, "", 5);
    end.last = false;
    sink.take(end);
    Event again = started(0, "a.md");
    Event passed = case_ended(0, 3, "First", Outcome::pass);
    end = ended(0, Outcome::flaky, "", 9);
    for (Event* each : {&again, &passed, &end}) {
      each->attempt = 1;
      sink.take(*each);
    }
  };
  const std::string xml = report_of<Junit>(play, 1);
  CHECK(has(xml, "tests=\"2\" failures=\"0\" errors=\"0\""));
  CHECK(has(xml, "<testcase name=\"a.md\" classname=\"a\""));
  CHECK(
      has(xml, "<flakyFailure message=\"1 case passed; line 9: the script's time limit of 1s was reached\""));
}

TEST_CASE("tap: what fails as expected is TODO, what passes instead is not ok, flaky is ok and says why") {
  const std::string tap = report_of<Tap>(play_attempts, 5);
  CHECK(has(tap,
            "ok 1 - t/flaky.txt\n  ---\n  message: \"passed in attempt 3; attempt 2: line 2: no match in "
            "attempt 2\"\n  severity: \"warning\"\n"));
  CHECK(has(tap, "  cpu_ms: 2.500\n  peak_memory_bytes: 1048576\n  attempts: 3\n"));
  CHECK(has(tap,
            "  log: \"[attempt 1: line 2: no match in attempt 1]\\n> stdout never\\nFAIL: t/flaky.txt:2:"));
  CHECK(has(tap, "\nnot ok 2 - never.txt\n"));
  CHECK(has(tap, "\nok 3 - a.md\n"));
  CHECK(has(tap,
            "[attempt 1: 1 of 2 cases passed, 1 failed; line 8: exit status 1]\\nFAIL: a.md:8: Sometimes"));
  CHECK(has(tap, "\nnot ok 4 - known.txt # TODO issue \\#12\n"));
  CHECK(has(tap,
            "\nnot ok 5 - mended.txt\n  ---\n  message: \"passed, though expected to fail: it was broken\""));
}

TEST_CASE("tap: what YAML does not have is escaped") {
  const std::string text = report_of<Tap>(
      [](EventSink& sink) {
        sink.take(started(0, "a.txt", 0));
        sink.take(failure(0, 1,
                          {"cat", "no match", "",
                           "a\xef\xbf\xbe"
                           "b\xef\xbf\xbf",
                           "", ""}));
        sink.take(ended(0, Outcome::fail, "", 1));
      },
      1);
  CHECK(has(text, "actual: \"a\\ufffeb\\uffff\""));
}

TEST_CASE("tap: an ok test says what it took, where that is known") {
  const std::string tap = report_of<Tap>(
      [](EventSink& sink) {
        sink.take(started(0, "a.txt"));
        Event end = ended(0, Outcome::pass, "", 5);
        end.cpu_ns = 1'000'000;
        sink.take(end);
      },
      1);
  CHECK(has(tap, "ok 1 - a.txt\n  ---\n  duration_ms: 5.000\n  cpu_ms: 1.000\n  ...\n# 1 passed"));
}

TEST_CASE("ctrf: statuses, attempts and steps; nothing of ours outside of extra") {
  RunEnding ending;
  ending.duration_ns = 70'000'000;
  const Result<Json> parsed = json::parse(report_of<Ctrf>(play_attempts, 5, ending));
  REQUIRE(parsed.ok());
  const Json& ctrf = parsed.value();
  CHECK(ctrf["reportFormat"] == "CTRF");
  CHECK(ctrf["timestamp"] == "2023-11-14T22:13:20Z");
  const Json& summary = ctrf["results"]["summary"];
  CHECK(summary["tests"] == 5);
  CHECK(summary["passed"] == 2);
  CHECK(summary["failed"] == 2);
  CHECK(summary["skipped"] == 1);
  CHECK(summary["pending"] == 0);
  CHECK(summary["flaky"] == 2);
  CHECK(summary["start"] == 1'700'000'000'000);
  CHECK(summary["stop"] == 1'700'000'000'070);
  CHECK(summary["extra"]["exit_code"] == 1);
  const Json& tests = ctrf["results"]["tests"];
  REQUIRE(tests.size() == 5);
  CHECK(tests[0]["flaky"] == true);
  CHECK(tests[0]["retries"] == 2);
  CHECK(tests[0]["duration"] == 5);
  CHECK(tests[0]["start"] == 1'700'000'000'020);
  CHECK(tests[0]["extra"] == Json{{"image", "builtin"}, {"cpu_ms", 2}, {"peak_memory_bytes", 1048576}});
  const Json& first = tests[0]["retryAttempts"][0];
  CHECK(first["attempt"] == 1);
  CHECK(first["status"] == "failed");
  CHECK(first["line"] == 2);
  CHECK(first["stdout"] == Json{"> stdout never"});
  CHECK(has(first["trace"].get<std::string>(), "actual: <again>"));
  CHECK(tests[1]["status"] == "failed");
  CHECK(tests[1]["flaky"] == false);
  CHECK(tests[1]["retries"] == 1);
  CHECK(tests[2]["steps"][1]["name"] == "Sometimes");
  CHECK(tests[2]["steps"][1]["status"] == "passed");
  CHECK(tests[2]["retryAttempts"][0]["status"] == "failed");
  CHECK(tests[3]["status"] == "skipped");
  CHECK(tests[3]["rawStatus"] == "xfail");
  CHECK(tests[3]["message"] == "expected to fail: issue #12");
  CHECK(tests[4]["status"] == "failed");
  CHECK(tests[4]["rawStatus"] == "xpass");
}

TEST_CASE("ctrf: what is not run is pending, an error is failed, a name may be any bytes") {
  const auto parsed = json::parse(report_of<Ctrf>(
      [](EventSink& sink) {
        sink.take(started(0, "bad\xff\x1b[31m"));
        sink.take(ended(0, Outcome::error, "no image", 1, "infrastructure"));
        sink.take(started(1, "later"));
        sink.take(ended(1, Outcome::not_run, "interrupted", 0));
      },
      2, {.signal = 2}));
  REQUIRE(parsed.ok());
  const Json& tests = parsed.value()["results"]["tests"];
  CHECK(tests[0]["name"] == "bad\\xff\\x1b[31m");
  CHECK(tests[0]["status"] == "failed");
  CHECK(tests[0]["rawStatus"] == "error");
  CHECK(tests[0]["extra"]["fault"] == "infrastructure");
  CHECK(tests[1]["status"] == "pending");
  CHECK(parsed.value()["results"]["summary"]["extra"]["stopped"] == "interrupted");
}
