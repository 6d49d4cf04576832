// The text report in the logs of CI jobs. That no output commands a runner is tested with its rules, end to
// end, in tests/reports.
#include <doctest/doctest.h>

#include "base/sys.h"
#include "report/github.h"
#include "report/gitlab.h"
#include "report/terminal.h"
#include "report_support.h"

using namespace testctr;
using namespace testctr::report;
using namespace testctr::report_test;

namespace {

std::unique_ptr<Reporter> text_to(Writer& out) {
  return std::make_unique<Terminal>(out, out, TerminalOptions{});
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("no " << part << " in: " << text);
  return false;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("github: names of files begin at the top of the repository") {
  CHECK(repository_path("/w/repo/sub", "/w/repo", "./a.txt") == "sub/a.txt");
  CHECK(repository_path("/w/repo/sub", "/w/repo/", "../b/./c.txt") == "b/c.txt");
  CHECK(repository_path("/w/repo", "/w/repo", "/w/repo/x/y.txt") == "x/y.txt");
  CHECK(repository_path("/w/repo", "/w/repo", "/elsewhere/y.txt") == "/elsewhere/y.txt");
  CHECK(repository_path("/w/repo2", "/w/repo", "a.txt") == "a.txt");
  CHECK(repository_path("/w/repo", "/w/repo", "../../../../a.txt") == "../../../../a.txt");
  CHECK(repository_path("/w/repo", "", "./a.txt") == "./a.txt");
}

TEST_CASE("github: annotations are escaped as its runner reads them") {
  CHECK(annotation("error", "a,b:c%.txt", 7, "x: y, z", "100%\nnext: a, b") ==
        "::error file=a%2Cb%3Ac%25.txt,line=7,title=x%3A y%2C z::100%25%0Anext: a, b");
  CHECK(annotation("warning", "", 0, "t", "\r\x1b[0m") == "::warning title=t::\\x0d\\x1b[0m");
}

TEST_CASE("github: Markdown shows what it was given") {
  CHECK(markdown_text("a*b_c <img> [x](y) `z` #1 @me 1. -") ==
        "a\\*b\\_c &lt;img&gt; \\[x\\]\\(y\\) \\`z\\` \\#1 \\@me 1\\. \\-");
}

TEST_CASE("github: groups, commands stopped around all else, annotations at the end") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Github>(out, text_to(out), GithubOptions{}));
  collector.start({.scripts = 4});
  play(collector);
  CHECK(collector.finish({}).ok());
  const std::string& text = out.text();
  CHECK(text.starts_with("::stop-commands::t"));
  CHECK(has(text, "::\n::group::FAIL t/bad.txt: line 6: no match for `two` in stdout\n::stop-commands::t"));
  CHECK(has(text, "::endgroup::\n"));
  CHECK(count(text, "::group::") == 2);
  // Two groups: around each commands are heard twice; and once at the end.
  CHECK(count(text, "::stop-commands::") == 5);
  CHECK(has(text,
            "::error file=t/bad.txt,line=6,title=t/bad.txt::line 6: no match for `two` in stdout%0A  "
            "expected: two"));
  CHECK(has(text, "::error file=broken.txt,title=broken.txt::broken.txt:1:6: unterminated quote"));
}

TEST_CASE("github: no token is written twice") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Github>(out, text_to(out), GithubOptions{}));
  collector.start({.scripts = 4});
  play(collector);
  CHECK(collector.finish({}).ok());
  std::vector<std::string> tokens;
  const std::string stop = "::stop-commands::";
  for (size_t at = out.text().find(stop); at != std::string::npos; at = out.text().find(stop, at + 1))
    tokens.push_back(out.text().substr(at + stop.size(), 41));
  std::sort(tokens.begin(), tokens.end());
  CHECK(std::unique(tokens.begin(), tokens.end()) == tokens.end());
  for (const std::string& token : tokens) CHECK(count(out.text(), "::" + token + "::") == 1);
}

TEST_CASE("github: of more annotations than it shows, nine and how many more there are") {
  for (const size_t failing : {size_t{10}, size_t{11}}) {
    StringWriter out;
    Collector collector(false);
    collector.add(std::make_unique<Github>(out, text_to(out), GithubOptions{}));
    collector.start({.scripts = failing});
    for (uint32_t i = 0; i < failing; ++i)
      play_failing_attempt(collector, i, fmt::format("{}.txt", i), 0, true, i);
    CHECK(collector.finish({}).ok());
    CHECK(count(out.text(), "\n::error ") == 10);
    CHECK(has(out.text(), failing == 10 ? "::error file=9.txt" : "::2 more in the summary of this step"));
    CHECK(count(out.text(), "more in the summary") == (failing == 10 ? 0 : 1));
  }
}

TEST_CASE("github: the summary stays within what it takes, whatever stands in it already") {
  Fd file = sys::memory_file("summary").value();
  const int fd = file.get();
  GithubOptions options;
  options.summary = std::move(file);
  StringWriter out;
  Collector collector(false);
  auto github = std::make_unique<Github>(out, text_to(out), std::move(options));
  collector.add(std::move(github));
  const std::string before(100'000, 'x');
  REQUIRE(sys::write_full(fd, before).ok());
  collector.start({.scripts = 20'000});
  for (uint32_t i = 0; i < 20'000; ++i)
    play_failing_attempt(collector, i, fmt::format("<b>{}</b>.txt", i), 0, true, i);
  CHECK(collector.finish({}).ok());
  std::string text(2 << 20, '\0');
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  REQUIRE(size > 0);
  text.resize(static_cast<size_t>(size));
  CHECK(text.size() <= most_summary);
  CHECK(text.find("<b>") == std::string::npos);
}

TEST_CASE("gitlab: a section for each test that has something to say") {
  StringWriter out;
  Collector collector(false);
  collector.add(std::make_unique<Gitlab>(out, text_to(out)));
  collector.start({.scripts = 4});
  play(collector);
  CHECK(collector.finish({}).ok());
  CHECK(count(out.text(), "\x1b[0Ksection_start:") == 2);
  CHECK(count(out.text(), "\x1b[0Ksection_end:") == 2);
  CHECK(has(out.text(),
            ":testctr_1[collapsed=true]\r\x1b[0KFAIL t/bad.txt: line 6: no match for `two` in stdout\n"));
  CHECK(has(out.text(), ":testctr_1\r\x1b[0K\n"));
}
