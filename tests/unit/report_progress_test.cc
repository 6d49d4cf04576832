// The line of progress, and what is told in its place.
#include "report/progress.h"

#include <doctest/doctest.h>

#include "base/text.h"

using namespace testctr;
using namespace testctr::report;

namespace {

constexpr uint64_t second = 1'000'000'000;

/// Progress of a run on a terminal that a test can make wait and resize.
struct Screen {
  StringWriter live;
  std::vector<std::string> said;
  uint64_t time = second;
  size_t columns = 80;
  Progress progress;

  explicit Screen(bool is_live = true, std::vector<int64_t> limits = {}, int64_t slow_ns = 10'000'000'000)
      : progress(live,
                 {.live = is_live,
                  .told = true,
                  .slow_ns = slow_ns,
                  .limits = std::move(limits),
                  .columns = [this] { return columns; },
                  .now = [this] { return time; }},
                 [this](const std::string& line) { said.push_back(line); }) {
    progress.run_started(12);
  }
  void start(uint32_t index, const std::string& name, uint64_t after = 0) {
    time += after * second;
    progress.started(index, name);
  }
  void wait(uint64_t seconds) {
    time += seconds * second;
    progress.tick();
  }
};

}  // namespace

TEST_CASE("progress: counts, failures, seconds, slow ones, the longest first") {
  Screen screen;
  screen.start(3, "long.txt");
  screen.start(1, "later.txt", 9);
  screen.wait(1);
  CHECK(screen.progress.line(79) == "[0/12] long.txt slow 10s, later.txt 1s");
  screen.progress.ended(3, true);
  CHECK(screen.progress.line(79) == "[1/12, 1 failed] later.txt 1s");
  screen.wait(100);
  CHECK(screen.progress.line(79) == "[1/12, 1 failed] later.txt slow 1m41s");
}

TEST_CASE("progress: a test that hangs is told shortly before its time limit") {
  Screen screen(true, {600 * int64_t{second}, 0});
  screen.start(0, "a.txt");
  screen.start(1, "b.txt");
  screen.wait(569);
  CHECK(screen.progress.line(79) == "[0/12] a.txt slow 9m29s, b.txt slow 9m29s");
  screen.wait(1);
  CHECK(screen.progress.line(79) == "[0/12] a.txt hung? 9m30s of 10m0s, b.txt slow 9m30s");
  CHECK(screen.said.empty());
  CHECK(hung_after(10'000'000'000) == 9'000'000'000);
}

TEST_CASE("progress: no terminal is told once of what runs long, and of what hangs") {
  Screen screen(false, {100 * int64_t{second}}, 60 * int64_t{second});
  screen.start(0, "a\x1b[2J.txt");
  for (int i = 0; i < 99; ++i) screen.wait(1);
  CHECK(screen.live.text().empty());
  CHECK(screen.said == std::vector<std::string>{"still running: a\\x1b[2J.txt (1m00s)",
                                                "close to its time limit: a\\x1b[2J.txt (1m30s of 1m40s)"});
}

TEST_CASE("progress: the line never fills its width, whatever the names are") {
  const std::string wide =
      "\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57";
  const std::vector<std::string> names = {"short.txt",
                                          std::string(300, 'x'),
                                          wide + wide,
                                          "\xff\xfe\x1b]0;title\a",
                                          "\u202egnp.txt",
                                          "a\u0301\u0301\u0301.txt",
                                          "\U0001f600.md",
                                          "",
                                          "-"};
  for (const size_t columns : {1, 2, 5, 10, 20, 40, 80, 200}) {
    Screen screen(true, {90 * int64_t{second}, 0, 50 * int64_t{second}});
    screen.columns = columns;
    for (uint32_t i = 0; i < names.size(); ++i) {
      screen.start(i, names[i], 11);
      const std::string line = screen.progress.line(columns);
      CAPTURE(columns);
      CAPTURE(line);
      CHECK(text::columns_at_most(line) <= columns);
      CHECK(text::printable(line) == line);
      CHECK(text::is_utf8(line));
    }
  }
}

TEST_CASE("progress: narrow terminals cut names and count what does not fit") {
  Screen screen;
  screen.start(0, "tests/a-rather-long-name-of-a-test.txt");
  screen.start(1, "tests/b.txt");
  screen.start(2, "tests/c.txt");
  screen.wait(2);
  CHECK(screen.progress.line(39) == "[0/12] ...name-of-a-test.txt 2s, 2 more");
  CHECK(screen.progress.line(80) ==
        "[0/12] tests/a-rather-long-name-of-a-test.txt 2s, tests/b.txt 2s, tests/c.txt 2s");
}

TEST_CASE("progress: drawn anew when the width changes, not more often than is seen") {
  Screen screen;
  screen.start(0, std::string(100, 'n'));
  const size_t first = screen.live.text().size();
  screen.progress.tick();
  CHECK(screen.live.text().size() == first);
  screen.columns = 40;
  screen.progress.tick();
  const std::string drawn = screen.live.text().substr(first);
  CHECK(drawn == "\r\x1b[J[0/12] ..." + std::string(29, 'n') + "\r");
  // The cursor stays at the line's beginning: what a narrower terminal breaks is below it.
  CHECK(screen.live.text().ends_with("\r"));
  for (int i = 0; i < 100; ++i) {
    screen.time += 1'000'000;
    screen.progress.ended(7, false);
    screen.progress.tick();
  }
  CHECK(screen.live.text().size() < first + drawn.size() + 3 * 60);
  screen.progress.wipe();
  CHECK(screen.live.text().ends_with("\r\x1b[K"));
}
