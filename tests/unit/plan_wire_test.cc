#include "plan/wire.h"

#include <doctest/doctest.h>

#include "base/json.h"

namespace testctr::plan {
namespace {

Step document() {
  Step step;
  step.where = "db";
  step.file = "docs/d.md";
  step.name = "d.md\xff";
  step.format = Format::markdown;
  step.source = std::string("# T\n\0bytes", 9);
  step.parts = {{"a.md", "one"}, {"d.md", "two"}};
  step.main_part = 1;
  step.cases = 3;
  return step;
}

Job full_job() {
  Job job;
  static_cast<Step&>(job) = document();
  job.name = "first";
  job.further = {document()};
  job.language = script::Language::cmdgo;
  job.scripts = {{"sed"}, {{"mine", true}, {"other", false}}, true, true, true};
  job.documents.reading.indent = 4;
  job.documents.reading.compat = script::Compat::cram;
  job.documents.shell = "bash";
  job.documents.overrides.keep_crlf = true;
  job.documents.overrides.stream = script::Stream::combined;
  job.documents.overrides.timeout_ns = 5;
  job.image = "golang:latest";
  Container db;
  db.name = "db";
  db.image = "postgres";
  db.environment = {{"A", "b"}};
  db.service = true;
  db.command = {"run", ""};
  db.ready = {Readiness::Kind::log, {"x"}, 65535, "ready.*", 7};
  job.containers = {db};
  job.tree = "tree";
  job.environment = {{"HOME", "/x"}, {"Z", std::string("\0\xff", 2)}};
  job.secrets = {"TOKEN"};
  job.programs = {{"programs/0", "app"}};
  job.mounts = {{"mounts/0", "/data", true}};
  job.limits = {1, true, 2, 3, 4, 5, true, 6, 1.5};
  job.ids = Ids::range;
  job.network = Network::host;
  job.seccomp = "profiles/0";
  job.images = {"other:1"};
  job.pins = {{"other:1", "other@sha256:0"}};
  job.tags = {"slow"};
  job.skip = "because";
  return job;
}

Plan full_plan() {
  Plan plan;
  plan.jobs = {full_job(), Job()};
  plan.jobs[1].name = "second";
  plan.jobs[1].needs = {0};
  return plan;
}

std::string bytes_of(const Plan& plan) { return json::to_cbor(to_wire(plan)); }

Result<Plan> read(const std::string& bytes) {
  auto wire = json::from_cbor(bytes);
  if (!wire.ok()) return wire.error();
  return plan_from_wire(wire.value());
}

void compare(const Step& a, const Step& b) {
  CHECK(a.where == b.where);
  CHECK(a.file == b.file);
  CHECK(a.name == b.name);
  CHECK(a.format == b.format);
  CHECK(a.language == b.language);
  CHECK(a.source == b.source);
  CHECK(a.parts == b.parts);
  CHECK(a.main_part == b.main_part);
  CHECK(a.cases == b.cases);
}

TEST_CASE("a plan is written down and read back with all that it is") {
  const Plan plan = full_plan();
  auto back = read(bytes_of(plan));
  REQUIRE(back.ok());
  REQUIRE(back.value().jobs.size() == 2);
  const Job &was = plan.jobs[0], &is = back.value().jobs[0];
  compare(was, is);
  REQUIRE(is.further.size() == 1);
  compare(was.further[0], is.further[0]);
  CHECK(is.scripts == was.scripts);
  CHECK(is.documents.reading.indent == 4);
  CHECK(is.documents.reading.compat == script::Compat::cram);
  CHECK(is.documents.shell == "bash");
  CHECK(is.documents.overrides.keep_crlf == std::optional(true));
  CHECK(is.documents.overrides.stream == std::optional(script::Stream::combined));
  CHECK(is.documents.overrides.timeout_ns == std::optional<int64_t>(5));
  CHECK(is.image == was.image);
  REQUIRE(is.containers.size() == 1);
  const Container &db = was.containers[0], &read_db = is.containers[0];
  CHECK(read_db.name == db.name);
  CHECK(read_db.image == db.image);
  CHECK(read_db.environment == db.environment);
  CHECK(read_db.service);
  CHECK(read_db.command == db.command);
  CHECK(read_db.ready == db.ready);
  CHECK(is.tree == was.tree);
  CHECK(is.environment == was.environment);
  CHECK(is.secrets == was.secrets);
  REQUIRE(is.programs.size() == 1);
  CHECK(is.programs[0].path == "programs/0");
  CHECK(is.programs[0].name == "app");
  REQUIRE(is.mounts.size() == 1);
  CHECK(is.mounts[0].source == "mounts/0");
  CHECK(is.mounts[0].target == "/data");
  CHECK(is.mounts[0].read_only);
  CHECK(is.limits == was.limits);
  CHECK(is.ids == was.ids);
  CHECK(is.network == was.network);
  CHECK(is.seccomp == was.seccomp);
  CHECK(is.images == was.images);
  CHECK(is.pins == was.pins);
  CHECK(is.tags == was.tags);
  CHECK(is.skip == was.skip);
  CHECK(back.value().jobs[1].needs == std::vector<size_t>{0});
  CHECK(bytes_of(back.value()) == bytes_of(plan));
}

TEST_CASE("the defaults of a plan come back, too, and what is only of this machine does not") {
  Plan plan;
  plan.jobs.resize(1);
  plan.jobs[0].layer = "l.tar";
  plan.jobs[0].artifacts = {{"*", "/tmp", ""}};
  plan.jobs[0].documents.work_directory = "/home";
  plan.jobs[0].documents.prepend = {"x"};
  auto back = read(bytes_of(plan));
  REQUIRE(back.ok());
  const Job& job = back.value().jobs.at(0);
  CHECK(job.limits == Limits());
  CHECK(!job.skip);
  CHECK(!job.documents.overrides.timeout_ns);
  CHECK(job.layer.empty());
  CHECK(job.artifacts.empty());
  CHECK(job.documents.work_directory.empty());
  CHECK(job.documents.prepend.empty());
}

TEST_CASE("a plan that is cut anywhere is an error, and one that was altered an error or another plan") {
  const std::string bytes = bytes_of(full_plan());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(read(bytes.substr(0, size)).ok());
  CHECK_FALSE(read(bytes + "x").ok());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned char flip : {0x01, 0x20, 0x80, 0xff}) {
      std::string altered = bytes;
      altered[at] = static_cast<char>(static_cast<unsigned char>(altered[at]) ^ flip);
      if (auto plan = read(altered); plan.ok()) CHECK(read(bytes_of(plan.value())).ok());
    }
  }
}

TEST_CASE("a plan without one of its members, or with one of another type, is an error") {
  const Json whole = to_wire(full_plan());
  const auto optional = [](const std::string& key) {
    return key == "image" || key == "tree" || key == "seccomp" || key == "skip";
  };
  for (const auto& [key, value] : whole["jobs"][0].items()) {
    CAPTURE(key);
    Json other = whole;
    other["jobs"][0][key] = 1.5;
    CHECK_FALSE(plan_from_wire(other).ok());
    other["jobs"][0].erase(key);
    CHECK(plan_from_wire(other).ok() == optional(key));
  }
  for (const char* inner : {"step", "documents", "limits"}) {
    for (const auto& [key, value] : whole["jobs"][0][inner].items()) {
      CAPTURE(key);
      Json other = whole;
      other["jobs"][0][inner][key] = Json::array();
      CHECK((plan_from_wire(other).ok()) == false);
    }
  }
  for (const Json& other : {Json(), Json(1), Json::array(), Json::object(), Json("x")})
    CHECK_FALSE(plan_from_wire(other).ok());
}

TEST_CASE("choices and numbers of a plan that none of ours are") {
  const Json whole = to_wire(full_plan());
  const auto refused = [&](const char* inner, const char* key, const Json& value) {
    Json other = whole;
    (inner == nullptr ? other["jobs"][0] : other["jobs"][0][inner])[key] = value;
    return !plan_from_wire(other).ok();
  };
  CHECK(refused("step", "format", 3));
  CHECK(refused("step", "format", -1));
  CHECK(refused("step", "language", 4));
  CHECK(refused("step", "main", 2));
  CHECK(refused("step", "main", -1));
  CHECK(refused(nullptr, "ids", 3));
  CHECK(refused(nullptr, "network", 2));
  CHECK(refused("documents", "indent", 65));
  CHECK(refused("documents", "stream", 99));
  CHECK(refused("limits", "timeout", -1));
  CHECK(refused("limits", "case_timeout", 0));
  CHECK(refused("limits", "memory", UINT64_MAX));
  CHECK(refused("limits", "cpus", 0x7ff8000000000000));  // not a number
}

TEST_CASE("tests that wait for each other are no plan, and a long chain is read at once") {
  Plan plan;
  plan.jobs.resize(3);
  plan.jobs[0].needs = {1};
  plan.jobs[1].needs = {2};
  CHECK(read(bytes_of(plan)).ok());
  plan.jobs[2].needs = {0};
  CHECK_FALSE(read(bytes_of(plan)).ok());
  plan.jobs[2].needs = {2};
  CHECK_FALSE(read(bytes_of(plan)).ok());
  plan.jobs[2].needs = {3};
  CHECK_FALSE(read(bytes_of(plan)).ok());
  plan.jobs[2].needs = {0, 0};
  plan.jobs[0].needs = {};
  CHECK(read(bytes_of(plan)).ok());
}

TEST_CASE("a plan of another version says what mends it") {
  Json wire = to_wire(full_plan());
  wire["v"] = newest_wire_version + 1;
  auto newer = plan_from_wire(wire);
  REQUIRE_FALSE(newer.ok());
  CHECK(newer.error().full().find("newer") != std::string::npos);
  wire["v"] = wire_version - 1;
  auto older = plan_from_wire(wire);
  REQUIRE_FALSE(older.ok());
  CHECK(older.error().full().find("pack it anew") != std::string::npos);
  wire.erase("v");
  CHECK_FALSE(plan_from_wire(wire).ok());
}

TEST_CASE("a job that has pinned images only obtains no other") {
  Job job;
  job.pins = {{"a", "sha256:1"}};
  CHECK(job.pinned("a") == "sha256:1");
  CHECK(job.pinned("dir:/home") == "dir:/home");
  job.pinned_only = true;
  CHECK(job.pinned("a") == "sha256:1");
  CHECK(job.pinned("dir:/home") == Job::no_image());
}

}  // namespace
}  // namespace testctr::plan
