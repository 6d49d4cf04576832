#include "bundle/bounds.h"

#include <doctest/doctest.h>

namespace testctr::bundle {
namespace {

Bounds some() {
  return {.memory = 1000, .cpus = 2, .pids = 100, .scratch = 2000, .max_output = 500, .timeout_ns = 9000};
}

TEST_CASE("a bundle's limits are lowered to what the machine can bear, and that is told once") {
  plan::Plan plan;
  for (int i = 0; i < 2; ++i) {
    plan::Job& job = plan.jobs.emplace_back();
    job.limits.memory = 1001;
    job.limits.cpus = 2.5;
    job.limits.pids = 101;
    job.limits.scratch = UINT64_MAX;
    job.limits.max_output = 501;
    job.limits.script_timeout_ns = INT64_MAX;
    job.limits.case_timeout_ns = 9001;
    job.documents.overrides.timeout_ns = 9001;
    job.containers.emplace_back().ready.timeout_ns = INT64_MAX;
  }
  std::vector<std::string> notes;
  bound(plan, some(), notes);
  for (const plan::Job& job : plan.jobs) {
    CHECK(job.limits.memory == 1000);
    CHECK(job.limits.cpus == 2);
    CHECK(job.limits.pids == 100);
    CHECK(job.limits.scratch == 2000);
    CHECK(job.limits.max_output == 500);
    CHECK(job.limits.script_timeout_ns == 9000);
    CHECK(job.limits.case_timeout_ns == 9000);
    CHECK(job.documents.overrides.timeout_ns == 9000);
    CHECK(job.containers[0].ready.timeout_ns == 9000);
  }
  REQUIRE(notes.size() == 8);
  CHECK(notes[0].find("memory") != std::string::npos);
}

TEST_CASE("what is no limit at all is one, and what is below stays") {
  plan::Plan plan;
  plan::Limits& limits = plan.jobs.emplace_back().limits;
  limits = {};
  limits.pids = limits.scratch = 0;
  limits.script_timeout_ns = limits.case_timeout_ns = 9000;
  limits.max_output = 500;
  const plan::Limits before = limits;
  std::vector<std::string> notes;
  bound(plan, some(), notes);
  CHECK(limits.pids == 100);
  CHECK(limits.scratch == 2000);
  CHECK(limits.memory == 0);  // half of what is free
  CHECK(limits.cpus == 0);    // all that the machine has
  CHECK(limits.script_timeout_ns == before.script_timeout_ns);
  CHECK(limits.max_output == before.max_output);
  CHECK(notes.size() == 2);
}

TEST_CASE("the usual limits are given on every machine") {
  plan::Plan plan;
  plan.jobs.emplace_back();
  std::vector<std::string> notes;
  const Bounds here = Bounds::here();
  bound(plan, here, notes);
  CHECK(notes.empty());
  CHECK(plan.jobs[0].limits == plan::Limits());
  CHECK(here.memory > 0);
  CHECK(here.pids <= 32'768);
}

}  // namespace
}  // namespace testctr::bundle
