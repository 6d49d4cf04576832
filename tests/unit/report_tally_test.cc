// The exit code, and the buffers below the reports.
#include "report/tally.h"

#include <doctest/doctest.h>

#include "report/spill.h"
#include "report/times.h"

using namespace testctr;
using namespace testctr::report;

TEST_CASE("tally: each exit code, and which of several holds") {
  RunEnding plain;
  const auto code = [&](std::initializer_list<std::pair<Outcome, const char*>> scripts,
                        const RunEnding& ending) {
    Tally tally;
    for (const auto& [outcome, fault] : scripts) tally.count(outcome, fault);
    return tally.exit_code(ending);
  };
  const std::pair<Outcome, const char*> pass{Outcome::pass, ""}, fail{Outcome::fail, ""},
      skip{Outcome::skip, ""}, usage{Outcome::error, "usage"}, infra{Outcome::error, "infrastructure"},
      defect{Outcome::error, "internal"}, unknown{Outcome::error, ""}, not_run{Outcome::not_run, ""};
  CHECK(code({pass, pass}, plain) == 0);
  CHECK(code({skip}, plain) == 0);
  CHECK(code({}, plain) == 4);
  CHECK(code({pass, infra}, plain) == 3);
  CHECK(code({infra, usage, pass}, plain) == 2);
  CHECK(code({usage, fail, infra}, plain) == 1);
  CHECK(code({fail, defect, usage}, plain) == 5);
  CHECK(code({unknown}, plain) == 5);
  CHECK(code({not_run, pass}, plain) == 5);
  RunEnding late;
  late.timed_out = true;
  CHECK(code({defect, fail, not_run}, late) == 124);
  late.signal = 15;
  CHECK(code({defect, fail, not_run}, late) == 143);
  late.signal = 2;
  CHECK(code({pass}, late) == 130);
}

TEST_CASE("tally: the summary line") {
  Tally tally;
  tally.count(Outcome::pass, "");
  tally.count(Outcome::skip, "");
  RunEnding ending;
  ending.duration_ns = 61'500'000'000;
  CHECK(tally.line(ending) == "1 passed, 0 failed, 0 errors, 1 skipped, 0 not run in 1m01s");
  ending.not_tests = 3;
  CHECK(tally.line(ending).ends_with(" (3 files passed over: not tests)"));
}

TEST_CASE("seconds: as people read them") {
  CHECK(seconds(3'000'000) == "0.003s");
  CHECK(seconds(12'340'000'000) == "12.3s");
  CHECK(seconds(185'000'000'000) == "3m05s");
}

TEST_CASE("spill: the same bytes in memory and on disk, cut back in both") {
  for (const size_t in_memory : {size_t{1000}, size_t{10}}) {
    Spill spill(in_memory);
    spill.append("0123456789");
    spill.append("abcdefghij");
    CHECK(spill.on_disk() == (in_memory == 10));
    CHECK(spill.size() == 20);
    CHECK(spill.read(8, 4) == "89ab");
    CHECK(spill.read(18, 10) == "ij");
    CHECK(spill.read(20, 1).empty());
    spill.truncate(12);
    spill.append("XY");
    CHECK(spill.read(0, 100) == "0123456789abXY");
    CHECK(spill.status().ok());
  }
}
