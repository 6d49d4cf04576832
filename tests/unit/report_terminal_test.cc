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
  collector.start({.scripts = 4});
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
        "0 passed, 0 failed, 0 errors, 0 skipped, 2 not run in 1.200s: interrupted\n");
  CHECK(written.exit_code == 130);
}

TEST_CASE("terminal report: a document shows each case that failed, with its command and what it printed") {
  CHECK(report_of({}, play_document).out ==
        "FAIL  doc/a.md (0.005s): 1 of 6 cases passed, 3 failed, 2 not run; line 18: the output is not what "
        "was "
        "expected\n"
        "FAIL: doc/a.md:18: Goes wrong: the output is not what was expected\n"
        "$ for i in 1 2; do\n"
        ">   echo /work/$i\n"
        "> done\n"
        "[stderr]\n"
        "oops \\xff\n"
        " /work/1\n"
        "-three\n"
        "+/work/2\n"
        "FAIL: doc/b.md:4: (exit 3): exit status 3\n"
        "$ (exit 3)\n"
        "[stderr]\n"
        "trouble\n"
        "[exit status 3]\n"
        "  expected: exit status 0\n"
        "  actual: exit status 3\n"
        "NOT RUN: doc/a.md:30: Goes well and 1 case after it: fail_fast: line 4 failed\n"
        "FAIL: doc/a.md:3: Serves: exit status 9\n"
        "$ serve\n"
        "[stdout]\n"
        "served #1\n"
        "  expected: exit status 0\n"
        "  actual: exit status 9\n"
        "[left behind: cat]\n"
        "cases: 1 passed, 3 failed, 0 errors, 0 skipped, 2 not run\n"
        "0 passed, 1 failed, 0 errors, 0 skipped, 0 not run in 1.200s\n");
}

TEST_CASE("terminal report: verbose names every case of a document") {
  const std::string out = report_of({.verbose = true}, play_document).out;
  CHECK(has(
      out,
      "# doc/a.md:8: Goes well: ok (0.002s)\n$ echo good\n[stdout]\ngood\nFAIL: doc/a.md:18: Goes wrong"));
  CHECK(has(out, "\n# doc/a.md:35: line 35: not run: fail_fast: line 4 failed (0.002s)\n"));
}

TEST_CASE("terminal report: a document that passes says how many cases it has, one that skips why") {
  const std::string out = report_of({}, [](EventSink& sink) {
                            sink.take(started(0, "a.md"));
                            sink.take(case_ended(0, 3, "x", Outcome::pass));
                            sink.take(case_ended(0, 8, "y", Outcome::pass));
                            sink.take(ended(0, Outcome::pass, "", 5));
                            sink.take(started(1, "b.t"));
                            sink.take(case_ended(1, 3, "x", Outcome::skip, "line 3 skips", 80));
                            sink.take(ended(1, Outcome::skip, "line 3 skips", 5));
                          }).out;
  CHECK(out ==
        "ok    a.md (0.005s): 2 cases\n"
        "SKIP  b.t (0.005s): line 3 skips\n"
        "cases: 2 passed, 0 failed, 0 errors, 1 skipped, 0 not run\n"
        "1 passed, 0 failed, 0 errors, 1 skipped, 0 not run in 1.200s\n");
}

TEST_CASE("terminal report: all cases are counted, and failures that are not shown") {
  const std::string out = report_of({}, [](EventSink& sink) {
                            sink.take(started(0, "a.md"));
                            for (uint32_t line = 1; line <= 250; ++line) {
                              sink.take(event(Event::Kind::command, 0, line, "false", 1));
                              sink.take(output(0, "stdout", fmt::format("output {}\n", line)));
                              sink.take(failure(0, line, {"false", "exit status 1", "", "", "", ""}));
                              sink.take(case_ended(0, line, "", Outcome::fail, "", 1));
                            }
                            sink.take(ended(0, Outcome::fail, "", 5));
                          }).out;
  CHECK(has(out, "FAIL  a.md (0.005s): 0 of 250 cases passed, 250 failed; line 1: exit status 1\n"));
  CHECK(has(out,
            "output 100\n[... 150 more failures are not shown; --json tells them all ...]\ncases: 0 passed, "
            "250 failed"));
  CHECK(out.find("output 101") == std::string::npos);
}

TEST_CASE("terminal report: a command of several lines stands below the head of its failure") {
  const std::string out =
      report_of({}, [](EventSink& sink) {
        sink.take(started(0, "a.txt"));
        sink.take(failure(0, 3, {"exec sh -c one\ntwo", "exit status 1", "", "", "", ""}));
        sink.take(ended(0, Outcome::fail, "", 1));
      }).out;
  CHECK(has(out, "\nFAIL: a.txt:3: exec sh -c one ...: exit status 1\n> exec sh -c one\n> two\n0 passed"));
}

TEST_CASE("terminal report: a long title is cut, no character in two") {
  std::string title;
  for (int i = 0; i < 200; ++i) title += "\xc3\xa4";
  const std::string out = report_of({.verbose = true}, [&](EventSink& sink) {
                            sink.take(started(0, "a.md"));
                            sink.take(case_ended(0, 3, "x" + title, Outcome::pass));
                            sink.take(ended(0, Outcome::pass, "", 1));
                          }).out;
  CHECK(has(out, "# a.md:3: x" + title.substr(0, 116) + "...: ok"));
}

TEST_CASE("terminal report: why nothing was run is said once") {
  RunEnding late;
  late.timed_out = true;
  const auto nothing = [](EventSink& sink) {
    for (uint32_t i = 0; i < 3; ++i) {
      sink.take(started(i, "a.txt"));
      sink.take(ended(i, Outcome::not_run, "the run's time limit was reached", 0));
    }
  };
  CHECK(report_of({.quiet = true}, nothing, late).out ==
        "0 passed, 0 failed, 0 errors, 0 skipped, 3 not run in 1.200s: the run's time limit was reached\n");
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
