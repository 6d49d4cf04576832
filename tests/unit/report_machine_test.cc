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
  collector.start(4);
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
  collector.start(4);
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
  collector.start(1);
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
  collector.start(4);
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
