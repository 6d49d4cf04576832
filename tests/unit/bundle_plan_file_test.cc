#include "bundle/plan_file.h"

#include <doctest/doctest.h>

#include "bundle/set_up.h"
#include "plan/wire.h"

namespace testctr::bundle {
namespace {

NamedDigest image(const std::string& name, const std::string& setup = "", std::vector<uint64_t> jobs = {}) {
  NamedDigest made;
  made.name = made.shown = name;
  made.setup = setup;
  if (!setup.empty()) made.layer = Digest::of(setup);
  made.jobs = std::move(jobs);
  return made;
}

PlanFile full() {
  PlanFile file;
  file.plan.jobs.resize(4);
  file.images = {image("a"), image("a", "setup (a)", {0, 2}), image("a", "setup 2 (a)", {3}), image("b")};
  file.config = "{}";
  return file;
}

TEST_CASE("an image that was set up belongs to some of the tests") {
  auto back = plan_file_from(to_bytes(full()));
  REQUIRE(back.ok());
  const PlanFile& file = back.value();
  CHECK(file.images == full().images);
  const std::vector<std::string> pins{"plain", "first", "second", "other"};
  using Pins = std::map<std::string, std::string>;
  CHECK(file.pins_of(0, pins) == Pins{{"a", "first"}, {"b", "other"}});
  CHECK(file.pins_of(1, pins) == Pins{{"a", "plain"}, {"b", "other"}});
  CHECK(file.pins_of(3, pins) == Pins{{"a", "second"}, {"b", "other"}});
}

int64_t version_of(const PlanFile& file) {
  const auto wire = json::from_cbor(to_bytes(file));
  REQUIRE(wire.ok());
  return wire.value()["plan"]["v"].get<int64_t>();
}

TEST_CASE("only what older programs would misread has a newer version") {
  PlanFile file = full();
  CHECK(version_of(file) == plan::newest_wire_version);
  file.images = {image("a"), image("b")};
  CHECK(version_of(file) == plan::wire_version);
}

TEST_CASE("what says of an image for whom it was set up is not believed where it cannot be") {
  const auto read = [](std::vector<uint64_t> jobs, const std::string& setup = "setup (a)") {
    PlanFile file = full();
    file.images[1].jobs = std::move(jobs);
    auto wire = json::from_cbor(to_bytes(file));
    wire.value()["images"][1][5] = setup;
    return plan_file_from(json::to_cbor(wire.value())).ok();
  };
  CHECK(read({0, 2}));
  CHECK_FALSE(read({}));
  CHECK_FALSE(read({2, 0}));
  CHECK_FALSE(read({2, 2}));
  CHECK_FALSE(read({0, 2}, ""));
  auto wire = json::from_cbor(to_bytes(full()));
  const Json good = wire.value()["images"][1];
  for (size_t i = 0; i < 8; ++i) {  // cut, and with something else in each place
    Json wrong = good;
    while (wrong.size() > i) wrong.erase(wrong.size() - 1);
    wire.value()["images"][1] = wrong;
    CHECK(plan_file_from(json::to_cbor(wire.value())).ok() == (i == 5));
    if (i < 4) continue;
    wrong = good;
    wrong[i] = i == 5 ? Json("") : Json("x");
    wire.value()["images"][1] = wrong;
    CHECK_FALSE(plan_file_from(json::to_cbor(wire.value())).ok());
  }
}

TEST_CASE("setups without a layer are tests, and what needs them is left out") {
  plan::Plan plan;
  plan.jobs.resize(5);
  for (size_t i = 0; i < 5; ++i) plan.jobs[i].name = std::string(1, static_cast<char>('a' + i));
  plan.jobs[0].needs = {1};  // which needs the setup d
  plan.jobs[1].needs = plan.jobs[1].set_up_by = {3};
  plan.jobs[2].needs = {4};  // the setup e
  plan.jobs[2].set_up_by = {4};
  plan.jobs[3].setup = plan.jobs[4].setup = true;
  plan.jobs[2].image = plan.jobs[4].image = "x";
  Recording recording;
  recording.tests.resize(5);
  for (size_t i = 0; i < 5; ++i) recording.tests[i].name = plan.jobs[i].name;
  image::ChangesLayers layers(5);
  layers[4] = std::make_shared<const image::ChangesLayer>("", Fd(), 0);
  Folded folded;
  fold(plan, &recording, layers, SIZE_MAX, folded);
  REQUIRE(folded.plan.jobs.size() == 2);
  CHECK(folded.plan.jobs[0].name == "c");
  CHECK(folded.plan.jobs[0].needs.empty());
  CHECK(folded.plan.jobs[1].name == "d");
  CHECK_FALSE(folded.plan.jobs[1].setup);
  REQUIRE(folded.recording.tests.size() == 2);
  CHECK(folded.recording.tests[0].name == "c");
  CHECK(folded.recording.tests[1].name == "d");
  CHECK(folded.notes.size() == 2);
  REQUIRE(folded.set_ups.size() == 1);
  CHECK(folded.for_image(folded.plan.jobs[0], "x") == folded.set_ups.data());
  CHECK(folded.for_image(folded.plan.jobs[0], "y") == nullptr);
  CHECK(folded.for_image(folded.plan.jobs[1], "x") == nullptr);

  Folded one;
  fold(plan, &recording, layers, 2, one);
  REQUIRE(one.plan.jobs.size() == 1);
  CHECK(one.recording.tests.size() == 1);
  CHECK(one.for_image(one.plan.jobs[0], "x") == one.set_ups.data());
  CHECK(one.notes.empty());
  Folded none;
  fold(plan, &recording, layers, 1, none);
  CHECK(none.plan.jobs.empty());
  CHECK(none.notes.size() == 1);
}

}  // namespace
}  // namespace testctr::bundle
