#include <doctest/doctest.h>

#include "run/schedule.h"

namespace testctr::run {
namespace {

plan::Plan plan_of(size_t count) {
  plan::Plan plan;
  plan.jobs.resize(count);
  return plan;
}

std::vector<uint32_t> all_that_begin(Schedule& schedule) {
  std::vector<uint32_t> begun;
  while (const auto turn = schedule.next()) begun.push_back(turn->index);
  return begun;
}

using Indices = std::vector<uint32_t>;

}  // namespace

TEST_CASE("schedule: in the plan's order, those that wait for others later") {
  plan::Plan plan = plan_of(4);
  plan.order = {3, 0, 2, 1};
  plan.jobs[3].needs = {1};
  Schedule schedule(plan);
  CHECK(schedule.upcoming(2) == Indices{0, 2});
  CHECK(schedule.upcoming(4) == Indices{0, 2, 1});
  CHECK(all_that_begin(schedule) == Indices{0, 2, 1});
  CHECK(schedule.upcoming(2) == Indices{3});  // what it needs runs
  CHECK_FALSE(schedule.empty());
  schedule.ended(1, Outcome::fail);
  CHECK(schedule.outcome(1) == Outcome::fail);
  CHECK(all_that_begin(schedule) == Indices{3});
  CHECK(schedule.empty());
}

TEST_CASE("schedule: what is shared") {
  plan::Plan plan = plan_of(5);
  plan.jobs[0].shares = plan.jobs[1].shares = {"lock a"};
  for (int i = 2; i < 5; ++i) plan.jobs[i].shares = {"group b"};
  plan.shared["group b"] = 2;
  Schedule schedule(plan);
  CHECK(all_that_begin(schedule) == Indices{0, 2, 3});
  CHECK(schedule.upcoming(2) == Indices{1, 4});  // what they share will be let go
  schedule.ended(3, Outcome::pass);
  CHECK(all_that_begin(schedule) == Indices{4});
  schedule.again({0, 0});  // it does not keep what it holds
  CHECK(all_that_begin(schedule) == Indices{1});
  schedule.ended(1, Outcome::pass);
  const auto again = schedule.next();
  REQUIRE(again.has_value());
  CHECK(again->index == 0);
  CHECK(again->attempt == 1);
}

TEST_CASE("schedule: attempts come behind what has not been tried") {
  plan::Plan plan = plan_of(3);
  Schedule schedule(plan);
  CHECK(schedule.next()->index == 0);
  schedule.again({0, 0});
  CHECK(schedule.next()->index == 1);
  CHECK(schedule.left().size() == 2);
  CHECK(schedule.left()[0].index == 0);
  CHECK(schedule.left()[0].attempt == 1);
  CHECK(schedule.next()->index == 2);
  CHECK(schedule.next()->attempt == 1);
  CHECK_FALSE(schedule.next().has_value());
}

TEST_CASE("schedule: no more memory is asked for than there is, but one test runs") {
  plan::Plan plan = plan_of(4);
  plan.jobs[0].limits.memory = 500;
  plan.jobs[1].limits.memory = 300;
  plan.jobs[2].limits.memory = 200;
  plan.jobs[2].containers.resize(1);  // two, then
  Schedule schedule(plan, 400);
  CHECK(all_that_begin(schedule) == Indices{0, 3});
  schedule.ended(0, Outcome::pass);
  CHECK(all_that_begin(schedule) == Indices{1});
  schedule.ended(1, Outcome::pass);
  CHECK(all_that_begin(schedule) == Indices{2});
}

}  // namespace testctr::run
