// The reports for programs: JSON lines, TAP, JUnit XML. That real parsers read them is tested end to end;
// here, what they say.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/tap.h"
#include "report_support.h"

using namespace testctr;
using namespace testctr::report;
using namespace testctr::report_test;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/report-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { static_cast<void>(sys::remove_tree(path_)); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("in: " << text);
  return false;
}

std::vector<Json> json_of(const std::function<void(EventSink&)>& play_all, const RunEnding& ending = {}) {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<JsonLines>(out));
  collector.start({.scripts = 4});
  play_all(collector);
  CHECK(collector.finish(ending).ok());
  std::vector<Json> objects;
  for (std::string_view line : text::lines(out.text())) {
    Result<Json> parsed = json::parse(line);
    REQUIRE(parsed.ok());
    objects.push_back(std::move(parsed).value());
  }
  return objects;
}

}  // namespace

TEST_CASE("json lines: every event is an object with version, type and stamps") {
  const std::vector<Json> all = json_of(play);
  REQUIRE(all.size() == 25);
  for (const Json& object : all) CHECK(object["version"] == 1);
  CHECK(all.front()["type"] == "run_started");
  CHECK(all.front()["scripts"] == 4);
  CHECK(all[1]["type"] == "script_started");
  CHECK(all[1]["name"] == "t/bad.txt");
  CHECK(all[1]["image"] == "builtin");
  CHECK(all[4]["type"] == "command");
  CHECK(all[4]["line"] == 2);
  CHECK(all[4]["text"] == "exec true");
  CHECK(all[4]["place"] == "container");
  CHECK(all[4]["time_ns"] == 1'000'000);
  const Json& failed = all[17];
  CHECK(failed["type"] == "failure");
  CHECK(failed["line"] == 6);
  CHECK(failed["reason"] == "no match for `two` in stdout");
  CHECK(failed["expected"] == "two");
  CHECK(failed["actual"] == "one\nred\n");
  CHECK_FALSE(failed.contains("diff"));
  const Json& last = all.back();
  CHECK(last["type"] == "run_ended");
  CHECK(last["passed"] == 1);
  CHECK(last["failed"] == 1);
  CHECK(last["errors"] == 1);
  CHECK(last["skipped"] == 1);
  CHECK(last["exit_code"] == 1);
}

TEST_CASE("json lines: bytes that are not UTF-8 are base64") {
  const std::vector<Json> all = json_of(play);
  const auto raw = std::find_if(
      all.begin(), all.end(), [](const Json& o) { return o.contains("stream") && o["stream"] == "stderr"; });
  REQUIRE(raw != all.end());
  CHECK((*raw)["data"]["base64"] == text::base64("bad byte \xff"));
}

TEST_CASE("tap: a point per script as it ends, with diagnostics") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Tap>(out));
  collector.start({.scripts = 4});
  play(collector);
  CHECK(collector.finish({}).ok());
  const std::string& tap = out.text();
  CHECK(tap.starts_with("TAP version 14\n1..4\nok 1 - good.txt\nnot ok 2 - t/bad.txt\n  ---\n"));
  CHECK(has(tap,
            "  message: \"line 6: no match for `two` in stdout\"\n  severity: \"fail\"\n  at:\n    file: "
            "\"t/bad.txt\"\n    line: 6\n"));
  CHECK(has(tap, "  actual: \"one\\nred\\n\"\n"));
  CHECK(has(tap,
            "  log: \"# prepare (0.002s)\\n# look (0.005s)\\n> exec show $WORK\\n[stdout]\\none "
            "\\\\x1b[31mred\\n"));
  CHECK(has(tap, "\n  ...\nnot ok 3 - broken.txt\n"));
  CHECK(has(tap, "ok 4 - other.txt # SKIP no \\#git here\n# 1 passed"));
}

TEST_CASE("tap: an interrupted run bails out and gives no verdict on what did not run") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Tap>(out));
  collector.start({.scripts = 1});
  collector.take(started(0, "a.txt"));
  collector.take(ended(0, Outcome::not_run, "interrupted", 1));
  RunEnding ending;
  ending.signal = 2;
  CHECK(collector.finish(ending).ok());
  CHECK(out.text().find("a.txt") == std::string::npos);
  CHECK(out.text().ends_with("Bail out! interrupted\n"));
}

TEST_CASE("junit: written whole, failures and errors apart, nothing that XML forbids") {
  const Folder folder;
  Result<std::unique_ptr<Junit>> junit = Junit::create(folder.at("r.xml"));
  REQUIRE(junit.ok());
  Collector collector(false);
  collector.add(std::move(junit).value());
  collector.start({.scripts = 4});
  play(collector);
  RunEnding ending;
  ending.duration_ns = 1'500'000'000;
  CHECK(collector.finish(ending).ok());
  const std::string xml = sys::read_file(folder.at("r.xml")).value();
  CHECK(
      xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"testctr-script\" "
                      "tests=\"4\" failures=\"1\" "
                      "errors=\"1\" skipped=\"1\" time=\"1.500000\" timestamp=\"20"));
  CHECK(xml.ends_with("</testsuites>\n"));
  CHECK(
      has(xml,
          "<testcase name=\"bad.txt\" classname=\"t.bad\" time=\"0.008000\" file=\"t/bad.txt\" line=\"6\">\n"
          "<failure message=\"line 6: no match for `two` in stdout\" type=\"mismatch\">FAIL: t/bad.txt:6:"));
  CHECK(has(xml, "look at &lt;it&gt; &amp; &quot;that&quot;"));
  CHECK(has(xml, "one red\n"));
  CHECK(has(xml, "bad byte \xef\xbf\xbd\n"));
  CHECK(has(xml, "<error message=\"broken.txt:1:6: unterminated quote\" type=\"usage\">"));
  CHECK(has(xml, "<skipped message=\"no #git here\"/>"));
  struct stat none {};
  CHECK(::stat((folder.at("r.xml") + "." + std::to_string(::getpid()) + ".tmp").c_str(), &none) != 0);
}

TEST_CASE("json lines: cases, and their counts at the end") {
  const std::vector<Json> all = json_of(play_document);
  std::vector<Json> cases;
  for (const Json& object : all) {
    if (object["type"] == "case_ended") cases.push_back(object);
  }
  REQUIRE(cases.size() == 6);
  CHECK(cases[1]["line"] == 14);
  CHECK(cases[1]["title"] == "Goes\nwrong");
  CHECK(cases[1]["outcome"] == "fail");
  CHECK(cases[1]["code"] == 0);
  CHECK(cases[1]["duration_ns"] == 2'000'000);
  CHECK(cases[2]["file"] == "doc/b.md");
  CHECK(cases[3]["reason"] == "fail_fast: line 4 failed");
  CHECK_FALSE(cases[3].contains("code"));
  const Json& last = all.back();
  CHECK(last["failed"] == 1);
  CHECK(last["cases"] == Json{{"passed", 1}, {"failed", 3}, {"errors", 0}, {"skipped", 0}, {"not_run", 2}});
  CHECK_FALSE(json_of(play).back().contains("cases"));
}

TEST_CASE("tap: a document's cases are a subtest in front of its point") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Tap>(out));
  collector.start({.scripts = 1});
  play_document(collector);
  CHECK(collector.finish({}).ok());
  const std::string& tap = out.text();
  CHECK(
      tap.starts_with("TAP version 14\n1..1\n# Subtest: doc/a.md\n    1..6\n    ok 1 - Goes well (line 8)\n"
                      "    not ok 2 - Goes wrong\n      ---\n"
                      "      message: \"the output is not what was expected\"\n      severity: \"fail\"\n"
                      "      at:\n        file: \"doc/a.md\"\n        line: 18\n"));
  CHECK(has(tap, "\\n-three\\n+/work/2\\n\"\n      ...\n    not ok 3 - (exit 3)\n"));
  CHECK(has(tap, "        file: \"doc/b.md\"\n        line: 4\n"));
  CHECK(has(tap,
            "    not ok 4 - Goes well (line 30)\n      ---\n      message: \"not run: fail_fast: line 4 "
            "failed\"\n      severity: \"error\"\n"));
  CHECK(
      has(tap,
          "\nnot ok 1 - doc/a.md\n  ---\n  message: \"1 of 6 cases passed, 3 failed, 2 not run; line 18: the "
          "output is not what was expected\"\n"));
  CHECK(has(tap, "# cases: 1 passed, 3 failed, 0 errors, 0 skipped, 2 not run\n# 0 passed, 1 failed"));
}

TEST_CASE("junit: a document is a suite of its cases, and the counts agree at all levels") {
  const Folder folder;
  Result<std::unique_ptr<Junit>> junit = Junit::create(folder.at("r.xml"));
  REQUIRE(junit.ok());
  Collector collector(false);
  collector.add(std::move(junit).value());
  collector.start({.scripts = 1});
  play_document(collector);
  CHECK(collector.finish({}).ok());
  const std::string xml = sys::read_file(folder.at("r.xml")).value();
  CHECK(
      has(xml, "<testsuites name=\"testctr-script\" tests=\"6\" failures=\"3\" errors=\"2\" skipped=\"0\""));
  CHECK(has(xml, "<testsuite name=\"doc/a.md\" tests=\"6\" failures=\"3\" errors=\"2\" skipped=\"0\""));
  CHECK(has(xml,
            "<testcase name=\"Goes well (line 8)\" classname=\"doc.a\" time=\"0.002000\" file=\"doc/a.md\" "
            "line=\"8\">\n</testcase>\n"));
  CHECK(
      has(xml,
          "<testcase name=\"Goes wrong\" classname=\"doc.a\" time=\"0.002000\" file=\"doc/a.md\" "
          "line=\"14\">\n<failure message=\"the output is not what was expected\" type=\"mismatch\">FAIL: "
          "doc/a.md:18: Goes wrong: the output is not what was expected\n$ for i in 1 2; do\n&gt;   echo "));
  CHECK(
      has(xml,
          "<testcase name=\"(exit 3)\" classname=\"doc.a\" time=\"0.002000\" file=\"doc/b.md\" line=\"4\">"));
  CHECK(has(xml,
            "<testcase name=\"Goes well (line 30)\" classname=\"doc.a\" time=\"0.002000\" file=\"doc/a.md\" "
            "line=\"30\">\n<error message=\"not run: fail_fast: line 4 failed\" type=\"not_run\"/>"));
  CHECK(has(xml, "</testcase>\n<system-out>[left behind: cat]\n</system-out>\n</testsuite>"));
}

TEST_CASE("junit: all cases of a document are there, also those whose failures are too many to be kept") {
  const Folder folder;
  Result<std::unique_ptr<Junit>> junit = Junit::create(folder.at("r.xml"));
  REQUIRE(junit.ok());
  Collector collector(false);
  collector.add(std::move(junit).value());
  collector.start({.scripts = 1});
  collector.take(started(0, "a.md"));
  for (uint32_t line = 1; line <= 103; ++line) {
    collector.take(event(Event::Kind::command, 0, line, "false", 1));
    collector.take(failure(0, line, {"false", fmt::format("exit status {}", line), "", "", "", ""}));
    collector.take(case_ended(0, line, "", Outcome::fail, "", 1));
  }
  collector.take(ended(0, Outcome::fail, "", 5));
  CHECK(collector.finish({}).ok());
  const std::string xml = sys::read_file(folder.at("r.xml")).value();
  CHECK(has(xml, "tests=\"103\" failures=\"103\""));
  CHECK(has(xml, "line=\"103\">\n<failure message=\"exit status 103\" type=\"mismatch\">[only the first"));
  CHECK(
      has(xml, "<system-out>[... 3 more failures are not shown; --json tells them all ...]\n</system-out>"));
}

TEST_CASE("junit: a document whose cases are all good is not, where it ended in another way") {
  for (const auto& [ending, counts] :
       {std::pair{Outcome::fail, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\""},
        std::pair{Outcome::error, "tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\""},
        std::pair{Outcome::not_run, "tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\""},
        std::pair{Outcome::skip, "tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"1\""},
        std::pair{Outcome::pass, "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\""}}) {
    const Outcome outcome = ending;
    CAPTURE(to_string(outcome));
    const Folder folder;
    Result<std::unique_ptr<Junit>> junit = Junit::create(folder.at("r.xml"));
    REQUIRE(junit.ok());
    Collector collector(false);
    collector.add(std::move(junit).value());
    collector.start({.scripts = 1});
    collector.take(started(0, "a.md"));
    collector.take(case_ended(0, 3, "First", Outcome::pass));
    collector.take(ended(0, outcome, "a reason", 5));
    CHECK(collector.finish({}).ok());
    const std::string xml = sys::read_file(folder.at("r.xml")).value();
    CHECK(has(xml, fmt::format("<testsuites name=\"testctr-script\" {}", counts)));
    CHECK(has(xml, fmt::format("<testsuite name=\"a.md\" {}", counts)));
  }
}

TEST_CASE("junit: what stops a document from outside is a test case of its own") {
  const Folder folder;
  Result<std::unique_ptr<Junit>> junit = Junit::create(folder.at("r.xml"));
  REQUIRE(junit.ok());
  Collector collector(false);
  collector.add(std::move(junit).value());
  collector.start({.scripts = 1});
  collector.take(started(0, "a.md"));
  collector.take(event(Event::Kind::command, 0, 3, "true", 1));
  collector.take(case_ended(0, 3, "First", Outcome::pass));
  collector.take(event(Event::Kind::command, 0, 8, "sleep 9", 1));
  collector.take(failure(0, 8, {"sleep 9", "the script's time limit of 1s was reached", "", "", "", ""}));
  collector.take(ended(0, Outcome::fail, "", 5));
  CHECK(collector.finish({}).ok());
  const std::string xml = sys::read_file(folder.at("r.xml")).value();
  CHECK(has(xml, "<testsuite name=\"a.md\" tests=\"2\" failures=\"1\" errors=\"0\""));
  CHECK(has(xml,
            "<testcase name=\"a.md\" classname=\"a\" time=\"0.005000\" file=\"a.md\" line=\"8\">\n<failure "
            "message=\"1 case passed; line 8: the script's time limit of 1s was reached\""));
}

TEST_CASE("junit: a name that cannot be written is told before the run") {
  const Folder folder;
  const Result<std::unique_ptr<Junit>> missing = Junit::create(folder.at("no/r.xml"));
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().fault() == Fault::usage);
  CHECK(has(missing.error().message(), "no/r.xml: there is no folder"));
  const Result<std::unique_ptr<Junit>> itself = Junit::create(folder.at(""));
  REQUIRE_FALSE(itself.ok());
  CHECK(has(itself.error().message(), "is a folder"));
}

TEST_CASE("xml_text: escape sequences and control characters go, the rest is escaped") {
  CHECK(xml_text("a\x1b[1;31mb\x1b[0mc") == "abc");
  CHECK(xml_text("a\x1b]0;title\ab\x1b]8;;x\x1b\\c") == "abc");
  CHECK(xml_text("a\x1b(Bc") == "ac");
  CHECK(xml_text("a\x1b") == "a");
  CHECK(xml_text("a\x1b[") == "a");
  CHECK(xml_text(std::string("a\0\x01\x08\x0b\x0c\x0e\x1f\x7f"
                             "b",
                             10)) == "ab");
  CHECK(xml_text("a\tb\nc\rd") == "a\tb\ncd");
  CHECK(xml_text("<&>\"'") == "&lt;&amp;&gt;&quot;'");
  CHECK(xml_text("\xef\xbf\xbf\xef\xbf\xbe\xff") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(xml_text("\xc3\xa4") == "\xc3\xa4");
}
