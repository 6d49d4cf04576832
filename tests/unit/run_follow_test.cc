// Whole runs that are followed: what the interpreter and programs touch of the embedded image, and a slim
// image in which the same script does the same.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/sys.h"
#include "image/layout_writer.h"
#include "image/slim.h"
#include "plan/make_plan.h"
#include "run/run.h"
#include "sandbox/follow.h"
#include "sandbox_support.h"

using namespace testctr;

namespace {

struct Seen : EventSink {
  std::string told;  ///< what was printed and how it failed
  std::vector<Outcome> outcomes;
  void take(const Event& event) override {
    if (event.kind == Event::Kind::output) told += event.text;
    if (event.kind == Event::Kind::failure) told += event.failure.reason + "\n";
    if (event.kind == Event::Kind::script_ended) {
      told += event.text;
      outcomes.push_back(event.outcome);
    }
  }
};

struct Fixture {
  sandbox::tests::TemporaryDirectory directory;
  image::StoreOptions store;

  Fixture() { store.home = directory / "store"; }

  Seen run(const std::string& image, const std::string& script, int record) const {
    host("mkdir -p " + (directory / "scripts"));
    const std::string path = directory / "scripts/test.txt";
    Fd file = std::move(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)).value();
    REQUIRE(sys::write_full(file.get(), script).ok());
    file.reset();
    plan::RunRequest request;
    request.words = {image, path};
    auto plan = plan::make_plan(request);
    if (!plan.ok()) FAIL(plan.error().full());
    run::Options options;
    options.store = store;
    options.access.offline = true;
    std::vector<std::string> asked;
    if (record >= 0) {
      options.follow = [&](const std::string& name) {
        asked.push_back(name);
        return record;
      };
    }
    Seen seen;
    auto summary = run::run_plan(plan.value(), seen, options);
    if (!summary.ok()) FAIL(summary.error().full());
    if (record >= 0) CHECK(asked == std::vector<std::string>{image});
    return seen;
  }

  static bool host(const std::string& command) { return std::system(command.c_str()) == 0; }
};

bool has(const sandbox::Followed& followed, const std::string& name) {
  return std::binary_search(followed.names.begin(), followed.names.end(), name);
}

}  // namespace

TEST_CASE("run follow: a failing test's slim image fails the same way") {
  if (sandbox::tests::without_id_mapping()) return;
  Fixture f;
  const std::string script =
      "cat /etc/passwd\n"
      "cp /etc/group $WORK/mine\n"
      "exists /etc/hosts\n"
      "exec sh -c 'cd /bin; ls -d sh; cat ../etc/group | grep -c root'\n"
      "stdout 1\n"
      "exec ./tool\n"
      "stdout made\n"
      "exec sh -c 'echo wrong; exit 3'\n"
      "-- tool --\n"
      "#!/bin/sh\n"
      "echo made\n";
  const std::string prepared = "exec chmod 755 tool\n" + script;
  Fd record = std::move(sandbox::make_record(f.directory.path())).value();
  const Seen plain = f.run("builtin", prepared, -1), first = f.run("builtin", prepared, record.get());
  INFO(first.told);
  if (first.told.find("cannot be followed here") != std::string::npos) {
    MESSAGE("skipped, because " << first.told);
    return;
  }
  CHECK(first.outcomes == std::vector{Outcome::fail});
  CHECK(first.told == plain.told);
  auto followed = sandbox::read_followed(record.get());
  if (!followed.ok()) FAIL(followed.error().full());
  for (const char* name : {"/etc/passwd", "/etc/group"}) CHECK_MESSAGE(has(followed.value(), name), name);
  CHECK(followed.value().unseen.empty());
  for (const std::string& name : followed.value().names) {
    CHECK_FALSE(name.starts_with("/proc"));
    CHECK_FALSE(name.starts_with("/work"));
  }

  auto store = image::Store::open(f.store);
  REQUIRE(store.ok());
  auto root = image::obtain(store.value(), "builtin");
  REQUIRE(root.ok());
  Fd tar = std::move(sys::memory_file("layer")).value();
  auto layer = image::write_slim_layer(tar.get(), root.value(), followed.value().names);
  if (!layer.ok()) FAIL(layer.error().full());
  CHECK(layer.value().left_out.files > 0);
  CHECK(layer.value().kept.files > 0);
  lseek(tar.get(), 0, SEEK_SET);
  auto writer = image::LayoutWriter::create(f.directory / "slim");
  REQUIRE(writer.ok());
  REQUIRE(writer.value().add_layer(tar.get(), image::Compression::zstd).ok());
  REQUIRE(
      writer.value().finish({.config = root.value().config, .created = 0, .annotations = {}}, "latest").ok());
  const Seen again = f.run("oci:" + (f.directory / "slim"), prepared, -1);
  CHECK(again.outcomes == first.outcomes);
  CHECK(again.told == first.told);
}

TEST_CASE("run follow: an engine that cannot follow is told so") {
  struct Other : run::Engine {
    [[nodiscard]] std::string shown() const override { return "other 1.0"; }
    Result<std::unique_ptr<run::Place>> start(const run::PlaceRequest&) override {
      return Error::internal("started");
    }
  } other;
  run::Options options;
  options.engine = &other;
  options.follow = [](const std::string&) { return -1; };
  Seen seen;
  auto summary = run::run_plan({}, seen, options);
  REQUIRE_FALSE(summary.ok());
  CHECK(summary.error().fault() == Fault::usage);
  CHECK(summary.error().message().find("other 1.0") != std::string::npos);
}
