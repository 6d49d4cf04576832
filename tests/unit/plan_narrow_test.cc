#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "plan/make_plan.h"
#include "plan/narrow.h"

namespace testctr::plan {
namespace {

Plan plan_of(const std::vector<std::string>& names) {
  Plan plan;
  for (const std::string& name : names) {
    Job& job = plan.jobs.emplace_back();
    job.name = job.file = name;
    job.image = "builtin";
  }
  plan.allowed = plan.parallel = 4;
  return plan;
}

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Job& job : plan.jobs) names.push_back(job.name);
  return names;
}

Plan many(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back("t" + std::to_string(i * 7919 % count));
  return plan_of(names);
}

std::optional<std::string> nothing(const std::string&) { return std::nullopt; }
std::optional<std::string> gitlab(const std::string& name) {
  if (name == "CI_NODE_INDEX") return "2";
  if (name == "CI_NODE_TOTAL") return "5";
  return std::nullopt;
}
std::optional<std::string> bazel(const std::string& name) {
  if (name == "TEST_SHARD_INDEX") return "0";
  if (name == "TEST_TOTAL_SHARDS") return "3";
  return std::nullopt;
}
std::optional<std::string> slurm(const std::string& name) {
  if (name == "SLURM_ARRAY_TASK_ID") return "14";
  if (name == "SLURM_ARRAY_TASK_COUNT") return "4";
  if (name == "SLURM_ARRAY_TASK_MIN") return "10";
  if (name == "SLURM_ARRAY_TASK_STEP") return "2";
  return std::nullopt;
}
std::optional<std::string> kubernetes(const std::string& name) {
  return name == "JOB_COMPLETION_INDEX" ? std::optional<std::string>("3") : std::nullopt;
}

}  // namespace

TEST_CASE("narrow: what is kept brings what it needs") {
  Plan plan = plan_of({"a", "b", "c", "d"});
  plan.jobs[3].needs = {1};
  plan.jobs[1].needs = {0};
  Narrowing how;
  how.filter = Filter::parse("d").value();
  REQUIRE(narrow(plan, how).ok());
  CHECK(names_of(plan) == std::vector<std::string>{"a", "b", "d"});
  CHECK(plan.jobs[2].needs == std::vector<size_t>{1});
  CHECK(plan.jobs[1].needs == std::vector<size_t>{0});
  CHECK(plan.selected == 3);
}

TEST_CASE("narrow: shards hold every test once, however they are made") {
  for (const char* by : {"count", "hash", "time"}) {
    for (const uint32_t count : {1U, 2U, 3U, 7U, 200U}) {
      std::vector<std::string> seen;
      std::set<std::string> selections;
      size_t least = SIZE_MAX, most = 0;
      for (uint32_t index = 1; index <= count; ++index) {
        Plan plan = many(100);
        plan.jobs[5].needs = {90, 17};
        const std::set<std::string> together = {plan.jobs[5].name, plan.jobs[90].name, plan.jobs[17].name};
        Narrowing how;
        how.shard = {index, count, by};
        for (const Job& job : plan.jobs) how.durations[key_of(job)] = static_cast<int64_t>(job.name.size());
        // On another machine, they may be named in another order.
        if (index % 2 == 0) {
          std::reverse(plan.jobs.begin(), plan.jobs.end());
          for (Job& job : plan.jobs)
            for (size_t& need : job.needs) need = plan.jobs.size() - 1 - need;
        }
        REQUIRE(narrow(plan, how).ok());
        const std::vector<std::string> names = names_of(plan);
        seen.insert(seen.end(), names.begin(), names.end());
        selections.insert(plan.selection);
        least = std::min(least, names.size());
        most = std::max(most, names.size());
        const auto here = std::count_if(names.begin(), names.end(),
                                        [&](const std::string& name) { return together.contains(name); });
        CHECK((here == 0 || here == 3));
        CHECK(plan.selected == 100);
      }
      CHECK(seen.size() == 100);
      CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 100);
      CHECK(selections.size() == 1);
      if (std::string_view(by) == "count" && count == 7) CHECK(most - least <= 1);
    }
  }
}

TEST_CASE("narrow: by time, shards take equally long") {
  Narrowing how;
  how.shard = {1, 2, "time"};
  Plan plan = plan_of({"a", "b", "c", "d"});
  CHECK(narrow(plan, how).error().message() == "--shard-by time: nothing says how long the tests take");
  plan = plan_of({"a", "b", "c", "d"});
  how.durations = {
      {{"a", "builtin"}, 30}, {{"b", "builtin"}, 10}, {{"c", "builtin"}, 10}};  // d: their average
  REQUIRE(narrow(plan, how).ok());
  CHECK(names_of(plan) == std::vector<std::string>{"a"});
}

TEST_CASE("narrow: the selection tells of other tests, other shards and other times") {
  const auto selection = [](const std::vector<std::string>& names, Narrowing how) {
    Plan plan = plan_of(names);
    REQUIRE(narrow(plan, how).ok());
    return plan.selection;
  };
  Narrowing two{.shard = {1, 2, "count"}};
  CHECK(selection({"a", "b"}, two) == selection({"b", "a"}, two));
  CHECK(selection({"a", "b"}, two) != selection({"a", "c"}, two));
  CHECK(selection({"a", "b"}, two) != selection({"a", "b"}, {.shard = {1, 3, "count"}}));
  Narrowing time{.shard = {1, 2, "time"}, .durations = {{{"a", "builtin"}, 3}}};
  const std::string before = selection({"a", "b"}, time);
  time.durations.begin()->second = 4;
  CHECK(before != selection({"a", "b"}, time));
}

TEST_CASE("narrow: order") {
  Narrowing how;
  how.durations = {{{"a", "builtin"}, 3}, {{"c", "builtin"}, 9}};
  Plan plan = plan_of({"a", "b", "c"});
  REQUIRE(narrow(plan, how).ok());
  CHECK(plan.order == std::vector<size_t>{1, 2, 0});  // the unknown one first
  plan = plan_of({"a", "b", "c"});
  plan.allowed = plan.parallel = 1;
  REQUIRE(narrow(plan, how).ok());
  CHECK(plan.order.empty());  // nothing is won: as they are named

  Narrowing shuffled{.seed = 7};
  std::set<std::vector<size_t>> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Plan one = many(10), again = many(10);
    shuffled.seed = seed;
    REQUIRE(narrow(one, shuffled).ok());
    REQUIRE(narrow(again, shuffled).ok());
    CHECK(one.order == again.order);
    CHECK(one.seed == seed);
    orders.insert(one.order);
  }
  CHECK(orders.size() > 15);
}

TEST_CASE("narrow: repetitions need each other's own") {
  Plan plan = plan_of({"a", "b"});
  plan.jobs[1].needs = {0};
  REQUIRE(narrow(plan, {.repeat = 3}).ok());
  CHECK(names_of(plan) == std::vector<std::string>{"a (1 of 3)", "b (1 of 3)", "a (2 of 3)", "b (2 of 3)",
                                                   "a (3 of 3)", "b (3 of 3)"});
  CHECK(plan.jobs[5].needs == std::vector<size_t>{4});
  CHECK(key_of(plan.jobs[5]) == TestKey{"b", "builtin"});
  CHECK(plan.parallel == 4);
  CHECK(plan.selected == 6);
}

TEST_CASE("narrow: what has changed") {
  const auto kept = [](const std::set<std::string>& changed) {
    Plan plan = plan_of({"/s/a.txt", "/s/b.txt", "/t/c.txt"});
    plan.jobs[0].tree = plan.jobs[1].tree = "/s";
    plan.jobs[2].tree = "/t";
    plan.jobs[2].programs.push_back({"/bin/tool", "tool"});
    plan.jobs[2].manifests = {"/t/testctr.yaml"};
    REQUIRE(narrow(plan, {.changed = changed}).ok());
    return names_of(plan);
  };
  using Names = std::vector<std::string>;
  CHECK(kept({}).empty());
  CHECK(kept({"/s/a.txt"}) == Names{"/s/a.txt"});  // another test's script is no part of a tree
  CHECK(kept({"/s/data/x"}) == Names{"/s/a.txt", "/s/b.txt"});
  CHECK(kept({"/bin/tool"}) == Names{"/t/c.txt"});
  CHECK(kept({"/t/testctr.yaml"}) == Names{"/t/c.txt"});
  CHECK(kept({"/sx/y"}).empty());
}

TEST_CASE("narrow: as many at a time as processors and memory allow") {
  constexpr uint64_t mib = uint64_t{1} << 20;
  CHECK(most_at_once(8, 0) == 8);
  CHECK(most_at_once(8, 32768 * mib) == 8);
  CHECK(most_at_once(64, 2048 * mib) == 8);
  CHECK(most_at_once(64, 100 * mib) == 1);
}

TEST_CASE("narrow: shards by word and by the environment") {
  const auto shard = parse_shard("2/5", "hash");
  REQUIRE(shard.ok());
  CHECK(shard.value().index == 2);
  CHECK(shard.value().count == 5);
  for (const char* bad : {"", "1", "0/4", "5/4", "a/b", "1/0", "-1/4", "1/4/2", "1/ 4"})
    CHECK_FALSE(parse_shard(bad, "count").ok());
  CHECK(shard_from_environment(gitlab, "count").value().index == 2);
  CHECK(shard_from_environment(gitlab, "count").value().count == 5);
  CHECK(shard_from_environment(bazel, "count").value().index == 1);
  CHECK(shard_from_environment(slurm, "count").value().index == 3);
  CHECK_FALSE(shard_from_environment(nothing, "count").ok());
  CHECK(shard_from_environment(kubernetes, "count").error().hint().find("JOB_COMPLETION_INDEX") !=
        std::string::npos);
}

}  // namespace testctr::plan
