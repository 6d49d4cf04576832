#include "plan/lockfile.h"

#include <doctest/doctest.h>

#include "plan/plan_images.h"
#include "plan/plan_request.h"
#include "plan_manifest_support.h"

using namespace testctr;
using namespace testctr::plan;

namespace {

Digest of(const char* text) { return Digest::of(text); }

LockFile example() {
  LockFile lock;
  lock.images["golang:1.22"] = {of("index"), {{"linux/amd64", of("a")}, {"linux/arm64", of("b")}}};
  lock.images["localhost:5000/x/y"] = {of("y"), {{"linux/arm/v7", of("y")}}};
  return lock;
}

std::string error_of(const std::string& text) {
  const auto read = parse_lock(text, "x.lock");
  if (read.ok()) return "";
  CHECK(read.error().fault() == Fault::usage);
  return read.error().message();
}

}  // namespace

TEST_CASE("lock: what is written is what is read") {
  for (const LockFile& lock : {LockFile(), example()}) {
    const std::string text = lock_text(lock);
    const auto read = parse_lock(text, "x.lock");
    REQUIRE(read.ok());
    CHECK(read.value() == lock);
    CHECK(lock_text(read.value()) == text);
  }
  CHECK(lock_text(example()).find("\"golang:1.22\":\n    digest: sha256:") != std::string::npos);
}

TEST_CASE("lock: mistakes have their places") {
  const std::string digest = of("x").str();
  const auto with = [&](const std::string& image) { return "version: 1\nimages:\n" + image; };
  CHECK(error_of("").find("x.lock:1:1: ") == 0);
  CHECK(error_of("[]").find("x.lock:1:1: a lock file is a mapping") == 0);
  CHECK(error_of("images: {}\n").find("says no `version`") != std::string::npos);
  CHECK(error_of("version: 2\nimages: {}\n").find("x.lock:1:10: the lock file has the version 2") == 0);
  CHECK(error_of("version: 1\nimage: {}\n").find("x.lock:2:1: unknown key \"image\"") == 0);
  CHECK(error_of("version: 1\nimages: []\n").find("x.lock:2:9: images: a mapping") == 0);
  CHECK(error_of(with("  a: 1\n")).find("x.lock:3:6: a: a mapping is wanted here") == 0);
  CHECK(error_of(with("  a: {digest: " + digest + "}\n")).find("x.lock:3:3: a has no `platforms`") == 0);
  CHECK(error_of(with("  a: {digest: sha256:12, platforms: {}}\n")).find("x.lock:3:15: a digest is") == 0);
  CHECK(error_of(with("  a: {digest: " + digest + ", platforms: {amd64: " + digest + "}}\n"))
            .find("\"amd64\" is no platform such as linux/amd64") != std::string::npos);
  for (const char* name : {"builtin", "oci:x", "sha256:0123456789ab", "\"a b\"", "\"a@sha256:1\""})
    CHECK(error_of(with(fmt::format("  {}: {{digest: {}, platforms: {{}}}}\n", name, digest)))
              .find("is no image's name") != std::string::npos);
  CHECK(error_of("<<<<<<< ours\nversion: 1\n").find("x.lock:") == 0);
  CHECK(error_of(std::string(5, '[')).find("x.lock:") == 0);
}

TEST_CASE("lock: it lies beside the manifest") {
  CHECK(lock_path("testctr.yaml") == "testctr.lock");
  CHECK(lock_path("../a.b/other.yml") == "../a.b/other.lock");
  CHECK(lock_path("a.b/manifest") == "a.b/manifest.lock");
  CHECK(lock_path("a/.yaml") == "a/.yaml.lock");
}

TEST_CASE("lock: what is missing is asked for, what is locked stays, what nothing needs goes") {
  std::vector<std::string> asked;
  const ResolveImage resolve = [&](const std::string& name) -> Result<LockedImage> {
    asked.push_back(name);
    if (name == "bad") return Error::infrastructure("no answer");
    return LockedImage{of(name.c_str()), {{own_platform(), of(name.c_str())}}};
  };
  LockFile lock = example();
  const LockFile before = lock;
  auto changes = update_lock(lock, {"golang:1.22", "new"}, {}, resolve);
  REQUIRE(changes.ok());
  CHECK(asked == std::vector<std::string>{"new"});
  REQUIRE(changes.value().size() == 2);
  CHECK(changes.value()[0].name == "localhost:5000/x/y");
  CHECK(changes.value()[0].after.empty());
  CHECK(changes.value()[1].name == "new");
  CHECK(changes.value()[1].before.empty());
  CHECK(lock.images.at("golang:1.22") == before.images.at("golang:1.22"));
  changes = update_lock(lock, {"golang:1.22", "new"}, {"golang:1.22"}, resolve);
  REQUIRE(changes.ok());
  CHECK(lock.images.at("golang:1.22").digest == of("golang:1.22"));
  REQUIRE(changes.value().size() == 1);
  CHECK(changes.value()[0].before == of("index"));
  const LockFile good = lock;
  CHECK_FALSE(update_lock(lock, {"golang:1.22", "bad"}, {"golang:1.22"}, resolve).ok());
  CHECK(lock == good);

  CHECK(check_lock(good, {"golang:1.22", "new"}, nullptr).value().empty());
  CHECK(check_lock(good, {"golang:1.22", "new"}, resolve).value().empty());
  CHECK(check_lock(good, {"golang:1.22", "other"}, nullptr).value() ==
        std::vector<std::string>{"other is not locked", "new is locked, and nothing needs it"});
  const auto elsewhere = check_lock(example(), {"golang:1.22", "localhost:5000/x/y"}, nullptr).value();
  CHECK(std::find(elsewhere.begin(), elsewhere.end(),
                  "localhost:5000/x/y is not locked for " + own_platform()) != elsewhere.end());
  const auto moved = check_lock(example(), {"golang:1.22"}, resolve).value();
  CHECK(moved.front().find("golang:1.22 has moved: it was " + of("index").str()) == 0);
  CHECK_FALSE(check_lock(good, {"golang:1.22", "new", "bad"}, [&](const std::string&) -> Result<LockedImage> {
                return Error::infrastructure("no answer");
              }).ok());
}

TEST_CASE("lock: images of a manifest are those of its lock file") {
  ManifestFolder here;
  here.file("a.txt", "echo hi\n[container other:1]\necho hi\ntestctr start third x\n");
  here.file("testctr.yaml",
            "version: 1\nimage: golang:1.22\nservices: {db: {image: \"db:16\"}}\ntests:\n"
            "  - {name: one, script: a.txt}\n");
  LockFile lock;
  for (const char* name : {"golang:1.22", "other:1", "db:16", "third"})
    lock.images[name] = {of(name), {{own_platform(), of(name)}}};
  here.file("testctr.lock", lock_text(lock));
  RunRequest request;
  request.locked = true;
  auto plan = plan_request(request, test_surroundings());
  REQUIRE(plan.ok());
  const Job& job = plan.value().jobs.at(0);
  CHECK_FALSE(job.error);
  CHECK(job.image == "golang:1.22");
  for (const std::string& image : images_of(job))
    CHECK(job.pinned(image) == image + "@" + of(image.c_str()).str());
  CHECK(images_of(job).size() == 4);
  CHECK(job.pinned("builtin") == "builtin");

  // The same for a script that is named by itself and takes the manifest's settings.
  request.words = {"a.txt"};
  plan = plan_request(request, test_surroundings());
  REQUIRE(plan.ok());
  CHECK(plan.value().jobs.at(0).pinned("golang:1.22").starts_with("golang:1.22@sha256:"));

  // One that is not locked, and one that is locked elsewhere.
  request.words.clear();
  lock.images.erase("third");
  lock.images["db:16"].platforms = {{"linux/riscv64", of("db")}};
  here.file("testctr.lock", lock_text(lock));
  CHECK(plan_request(request, test_surroundings()).ok());  // told by the job
  request.locked = false;
  plan = plan_request(request, test_surroundings());
  REQUIRE(plan.ok());
  REQUIRE(plan.value().jobs.at(0).error);
  CHECK(plan.value().jobs.at(0).error->message().find("db:16 for other platforms") != std::string::npos);
  lock.images["db:16"].platforms[own_platform()] = of("db");
  here.file("testctr.lock", lock_text(lock));
  CHECK(plan_request(request, test_surroundings()).ok());
  request.locked = true;
  auto refused = plan_request(request, test_surroundings());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message().find("--locked: no lock file says what third is") != std::string::npos);

  here.file("testctr.lock", "version: 1\nimages: 5\n");
  refused = plan_request(request, test_surroundings());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message().find("testctr.lock:2:9") == 0);
}
