// The report for people.
#include "report/terminal.h"

#include <doctest/doctest.h>

#include "report_support.h"

using namespace testctr;
using namespace testctr::report;
using namespace testctr::report_test;

namespace {

struct Written {
  std::string out, live;
  int exit_code = -1;
};

Written report_of(const TerminalOptions& options, const std::function<void(EventSink&)>& play_all = play,
                  RunEnding ending = {}) {
  StringWriter out, live;
  Collector collector(options.verbose);
  collector.add(std::make_unique<Terminal>(out, live, options));
  collector.start(4);
  play_all(collector);
  ending.duration_ns = 1'200'000'000;
  CHECK(collector.finish(ending).ok());
  return {out.text(), live.text(), collector.tally().exit_code(ending)};
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("in: " << text);
  return false;
}

}  // namespace

TEST_CASE("terminal report: one line per script, the failing one with its log, in plain text") {
  const Written written = report_of({});
  CHECK(written.out ==
        "ok    good.txt (0.007s)\n"
        "FAIL  t/bad.txt (0.008s): line 6: no match for `two` in stdout\n"
        "# prepare (0.002s)\n"
        "# look (0.005s)\n"
        "> exec show $WORK\n"
        "[stdout]\n"
        "one \\x1b[31mred\n"
        "in $WORK/a\n"
        "[stderr]\n"
        "bad byte \\xff\n"
        "[exit status 1]\n"
        "> stdout two\n"
        "FAIL: t/bad.txt:6: stdout two: no match for `two` in stdout\n"
        "  expected: two\n"
        "  actual:\n"
        "    one\n"
        "    red\n"
        "  hint: look at <it> & \"that\"\n"
        "refused by the system call filter:\n"
        "  t/bad.txt:5: mount by show, 3 times\n"
        "ERROR broken.txt (0.001s): broken.txt:1:6: unterminated quote\n"
        "        close it\n"
        "SKIP  other.txt (0.002s): no #git here\n"
        "1 passed, 1 failed, 1 errors, 1 skipped, 0 not run in 1.200s\n");
  CHECK(written.live.empty());
  CHECK(written.exit_code == 1);
}

TEST_CASE("terminal report: verbose keeps finished phases and the logs of good scripts") {
  const Written written = report_of({.verbose = true});
  CHECK(has(written.out, "# prepare (0.002s)\n> exec true\n[stdout]\nnot to be seen\n"));
  CHECK(has(written.out, "ok    good.txt (0.007s)\n> exec echo hi\n[stdout]\nhi\n"));
}

TEST_CASE("terminal report: quiet shows what went wrong and the summary") {
  const Written written = report_of({.quiet = true});
  CHECK(written.out.find("good.txt") == std::string::npos);
  CHECK(written.out.find("other.txt") == std::string::npos);
  CHECK(has(written.out, "FAIL  t/bad.txt"));
  CHECK(has(written.out, "ERROR broken.txt"));
  CHECK(has(written.out, "1 passed, 1 failed"));
}

TEST_CASE("terminal report: colours surround lines and never come from the output") {
  const Written written = report_of({.colour = true});
  CHECK(has(written.out, "\x1b[32mok   \x1b[0m good.txt"));
  CHECK(has(written.out, "\x1b[1;31mFAIL: t/bad.txt:6: stdout two: no match for `two` in stdout\x1b[0m\n"));
  CHECK(has(written.out, "one \\x1b[31mred\n"));
}

TEST_CASE("terminal report: the line of progress names what runs and is wiped before results") {
  const Written written = report_of({.live = true, .columns = 40});
  CHECK(has(written.live, "\r\x1b[K[0/4] t/bad.txt, good.txt"));
  CHECK(has(written.live, "[1/4] t/bad.txt"));
  CHECK(written.live.ends_with("\r\x1b[K"));
  const Written narrow = report_of({.live = true, .columns = 16});
  CHECK(has(narrow.live, "\r\x1b[K[0/4] t/bad...."));
}

TEST_CASE("terminal report: a diff takes the place of expected and actual") {
  const Written written = report_of({}, [](EventSink& sink) {
    sink.take(started(0, "a.txt"));
    sink.take(failure(
        0, 3, {"cmp x y", "x and y differ", "A\n", "B\n", "--- x\n+++ y\n@@ -1 +1 @@\n-A\n+B\n", ""}));
    sink.take(ended(0, Outcome::fail, "", 1));
  });
  CHECK(has(written.out,
            "FAIL: a.txt:3: cmp x y: x and y differ\n--- x\n+++ y\n@@ -1 +1 @@\n-A\n+B\n0 passed, 1 failed"));
  CHECK(written.out.find("expected:") == std::string::npos);
}

TEST_CASE("terminal report: interrupted scripts say where they stood, those not reached are counted") {
  const auto stopped = [](EventSink& sink) {
    sink.take(started(0, "slow.txt"));
    sink.take(event(Event::Kind::command, 0, 7, "exec sleep 100", 1));
    sink.take(ended(0, Outcome::not_run, "interrupted", 5));
    sink.take(started(1, "never.txt", 5));
    sink.take(ended(1, Outcome::not_run, "interrupted", 0));
  };
  RunEnding ending;
  ending.signal = 2;
  const Written written = report_of({}, stopped, ending);
  CHECK(written.out ==
        "STOP  slow.txt (0.005s): interrupted at line 7: exec sleep 100\n"
        "0 passed, 0 failed, 0 errors, 0 skipped, 2 not run in 1.200s\n");
  CHECK(written.exit_code == 130);
}

TEST_CASE("terminal report: a flood is shown at its beginning and its end") {
  const auto flood = [](EventSink& sink) {
    sink.take(started(0, "a.txt"));
    sink.take(event(Event::Kind::command, 0, 1, "exec yes", 1));
    sink.take(output(0, "stdout", "first\n"));
    for (int i = 0; i < 3000; ++i) sink.take(output(0, "stdout", std::string(999, 'x') + "\n"));
    sink.take(output(0, "stdout", "last\n"));
    sink.take(failure(0, 1, {"exec yes", "exit status 1", "", "", "", ""}));
    sink.take(ended(0, Outcome::fail, "", 1));
  };
  const Written written = report_of({}, flood);
  CHECK(has(written.out, "[stdout]\nfirst\n"));
  CHECK(has(written.out, "\nlast\nFAIL: a.txt:1: exec yes"));
  CHECK(written.out.size() < 20'000);
  CHECK(has(written.out,
            fmt::format("[... {} bytes are not shown here", 3'000'011 - Log::shown_head - Log::shown_tail)));
  CHECK(report_of({.verbose = true}, flood).out.size() > 3'000'000);
}

TEST_CASE("terminal report: long values and diffs are cut at whole lines") {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += fmt::format("+line {}\n", i);
  const auto with = [&](const Failure& what) {
    return report_of({},
                     [&](EventSink& sink) {
                       sink.take(started(0, "a.txt"));
                       sink.take(failure(0, 1, what));
                       sink.take(ended(0, Outcome::fail, "", 1));
                     })
        .out;
  };
  const std::string value = with({"stdout x", "no match", "x", lines, "", ""});
  CHECK(has(value, "    +line 39\n    [... "));
  CHECK(value.find("line 40\n") == std::string::npos);
  const std::string diff = with({"cmp a b", "differ", "", "", lines, ""});
  CHECK(has(diff, "\n+line 199\n[... "));
  const std::string one_line = with({"stdout x", "no match", "", std::string(10'000, 'y'), "", ""});
  CHECK(has(one_line, "    [... 5904 more bytes ...]"));
}

TEST_CASE("shorten_work: whole path beginnings only") {
  CHECK(shorten_work("/work", "/work") == "$WORK");
  CHECK(shorten_work("a /work/b:/work c", "/work") == "a $WORK/b:$WORK c");
  CHECK(shorten_work("/workshop /my/work ./work x/work /work2", "/work") ==
        "/workshop /my/work ./work x/work /work2");
  CHECK(shorten_work("'/work'", "/work") == "'$WORK'");
  CHECK(shorten_work("/work", "") == "/work");
}

TEST_CASE("colours: what decides") {
  const auto with = [](const char* name, const char* value) {
    for (const char* all : {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"}) ::unsetenv(all);
    if (name != nullptr) ::setenv(name, value, 1);
    const bool wanted = wants_colour(-1, false);
    for (const char* all : {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"}) ::unsetenv(all);
    return wanted;
  };
  CHECK_FALSE(with(nullptr, ""));
  CHECK(with("FORCE_COLOR", "1"));
  CHECK(with("CLICOLOR_FORCE", "1"));
  CHECK_FALSE(with("FORCE_COLOR", "0"));
  CHECK_FALSE(with("NO_COLOR", "1"));
  ::setenv("FORCE_COLOR", "1", 1);
  CHECK_FALSE(wants_colour(-1, true));
  ::setenv("NO_COLOR", "1", 1);
  CHECK_FALSE(wants_colour(-1, false));
  ::unsetenv("NO_COLOR");
  ::unsetenv("FORCE_COLOR");
}
