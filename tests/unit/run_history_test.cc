// What is known of earlier runs, in files that are only added to and stay small nevertheless.
#include "run/history.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "run/kept_failures.h"

using namespace testctr;
using namespace testctr::run;

namespace {

/// A home of its own.
struct Home {
  std::string directory;
  Home() {
    const char* base = std::getenv("TMPDIR");
    directory = std::string(base != nullptr ? base : "/tmp") + "/history-test-XXXXXX";
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    setenv("TESTCTR_HOME", directory.c_str(), 1);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() {
    unsetenv("TESTCTR_HOME");
    (void)sys::remove_tree(directory);
  }
};

uint64_t size_of(const std::string& path) {
  struct stat st {};
  REQUIRE(stat(path.c_str(), &st) == 0);
  return static_cast<uint64_t>(st.st_size);
}

History opened() {
  auto history = History::open("/a/folder");
  REQUIRE(history.ok());
  return std::move(history).value();
}

plan::Plan plan_of(int tests) {
  plan::Plan plan;
  for (int i = 0; i < tests; ++i) {
    plan::Job job;
    job.name = fmt::format("tests/of-a-longer-name/{}.txt", i);
    job.image = "builtin";
    plan.jobs.push_back(job);
  }
  return plan;
}

/// A run of all, of which one fails.
void one_run(History& history, const plan::Plan& plan, size_t failing) {
  REQUIRE(history.begin(plan).ok());
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const Outcome outcome = i == failing ? Outcome::fail : Outcome::pass;
    REQUIRE(history.add(plan::key_of(plan.jobs[i]), outcome, static_cast<int64_t>(i + 1)).ok());
  }
}

}  // namespace

TEST_SUITE("run/history") {
  TEST_CASE("hundreds of runs of hundreds of tests leave what a few would, and the last one is known") {
    const Home home;
    const plan::Plan plan = plan_of(300);
    uint64_t largest = 0;
    std::string path;
    for (size_t run = 0; run < 60; ++run) {
      History history = opened();
      path = history.path();
      one_run(history, plan, run);
      largest = std::max(largest, size_of(path));
    }
    // A run adds 55 KB.
    CHECK(largest < 600'000);
    History history = opened();
    CHECK(history.tests().empty());
    REQUIRE(history.load().ok());
    CHECK(history.tests().size() == 300);
    CHECK(history.durations().at(plan::key_of(plan.jobs[7])) == 8);
    CHECK(history.failed() == std::set<plan::TestKey>{plan::key_of(plan.jobs[59])});
  }

  TEST_CASE("what two runs tell at the same time is there") {
    const Home home;
    const plan::Plan plan = plan_of(300);
    for (size_t run = 0; run < 12; ++run) {
      History first = opened(), second = opened();
      plan::Plan other;
      other.jobs.resize(1);
      other.jobs[0].name = "other.txt";
      REQUIRE(second.begin(other).ok());
      one_run(first, plan, run);
      REQUIRE(second.add(plan::key_of(other.jobs[0]), Outcome::fail, 77).ok());
    }
    History history = opened();
    REQUIRE(history.load().ok());
    CHECK(history.failed().size() == 2);
    CHECK(history.durations().at({"other.txt", ""}) == 77);
  }

  TEST_CASE("tests that have not ended are not run, also behind a rewritten beginning") {
    const Home home;
    const plan::Plan plan = plan_of(300);
    for (size_t run = 0; run < 20; ++run) {
      History history = opened();
      one_run(history, plan, 1000);
    }
    History begun = opened();
    REQUIRE(begun.begin(plan).ok());
    REQUIRE(begun.add(plan::key_of(plan.jobs[0]), Outcome::pass, 1).ok());
    History history = opened();
    REQUIRE(history.load().ok());
    CHECK(history.failed().size() == 299);
  }

  TEST_CASE("under what tests passed is known of their last run alone") {
    const Home home;
    History history = opened();
    const plan::Plan plan = plan_of(200);
    const std::string path = history.path().substr(0, history.path().size() - 6) + ".passed.jsonl";
    uint64_t largest = 0;
    for (int run = 0; run < 60; ++run) {
      KeptFailures kept(history.path());
      REQUIRE(kept.begin().ok());
      for (const plan::Job& job : plan.jobs)
        REQUIRE(
            kept.pass(plan::key_of(job), {{"image", fmt::format("{}", run)}, {"long", std::string(300, 'x')}})
                .ok());
      largest = std::max(largest, size_of(path));
    }
    CHECK(largest < 700'000);
    auto passed = KeptFailures(history.path()).passed();
    REQUIRE(passed.ok());
    CHECK(passed.value().size() == 200);
    CHECK(passed.value().at(plan::key_of(plan.jobs[5])).at("image") == "59");
  }
}
