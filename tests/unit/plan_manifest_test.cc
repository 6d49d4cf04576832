// The manifest: what its keys mean in the jobs of a plan.
#include "plan_manifest_support.h"

using namespace testctr;
using namespace testctr::plan;

namespace {

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Job& job : plan.jobs) names.push_back(job.name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("manifest: a glob gives a job for each script, sorted") {
  ManifestFolder here;
  here.file("scripts/b.txt");
  here.file("scripts/a.txt");
  here.file("scripts/notes.org");
  here.file("testctr.yaml", "version: 1\nimage: golang:latest\ntests:\n  - script: scripts/*\n");
  const Plan plan = good_plan();
  CHECK(names_of(plan) == Names{"scripts/a.txt", "scripts/b.txt"});
  CHECK(plan.not_tests == 1);
  const Job& job = plan.jobs[0];
  CHECK(job.image == "golang:latest");
  CHECK(job.where == default_place);
  CHECK(job.file == "scripts/a.txt");
  CHECK(job.source == "echo hi\n");
  CHECK(job.tree == here.path() + "/scripts");
  CHECK_FALSE(job.error);
}

TEST_CASE("manifest: ** goes through all folders, and a list of globs names each script once") {
  ManifestFolder here;
  for (const char* name : {"t/a.txt", "t/x/b.txt", "t/x/y/c.txt", "t/.hidden/d.txt"}) here.file(name);
  here.file("testctr.yaml", "version: 1\nimage: i\ntests:\n  - script: [t/**/*.txt, t/a.txt]\n");
  CHECK(names_of(good_plan()) == Names{"t/a.txt", "t/x/b.txt", "t/x/y/c.txt"});
}

TEST_CASE("manifest: settings of the manifest hold for its tests, and theirs stand above") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("sub/tree/x");
  here.file("testctr.yaml",
            "version: 1\n"
            "image: one\n"
            "env: {A: 1, B: two}\n"
            "secrets: [GIVEN]\n"
            "limits: {timeout: 1m, memory: 1GiB, pids: 5, cpus: 1.5, scratch: 2MiB, max-output: 3k}\n"
            "network: host\n"
            "ids: range\n"
            "images: [redis]\n"
            "tests:\n"
            "  - {name: plain, script: a.txt}\n"
            "  - name: own\n"
            "    script: a.txt\n"
            "    image: two\n"
            "    tree: sub/tree\n"
            "    env: {B: 3.10}\n"
            "    limits: {timeout: 2m, case-timeout: 1s}\n"
            "    network: none\n"
            "    seccomp: unconfined\n"
            "    ids: one\n"
            "    tags: [slow, net]\n"
            "    skip: not today\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs.size() == 2);
  const Job& plain = plan.jobs[0];
  const Job& own = plan.jobs[1];
  CHECK(plain.environment ==
        std::map<std::string, std::string>{{"A", "1"}, {"B", "two"}, {"GIVEN", "value"}});
  CHECK(plain.secrets == Names{"GIVEN"});
  CHECK(plain.images == Names{"redis"});
  CHECK(plain.limits.script_timeout_ns == 60'000'000'000);
  CHECK(plain.limits.script_timeout_asked);
  CHECK(plain.limits.memory == 1U << 30);
  CHECK(plain.limits.pids == 5);
  CHECK(plain.limits.pids_asked);
  CHECK(plain.limits.cpus == 1.5);
  CHECK(plain.limits.scratch == 2U << 20);
  CHECK(plain.limits.max_output == 3U << 10);
  CHECK(plain.network == Network::host);
  CHECK(plain.ids == Ids::range);
  CHECK_FALSE(plain.skip);
  CHECK(own.image == "two");
  CHECK(own.environment.at("A") == "1");
  CHECK(own.environment.at("B") == "3.10");
  CHECK(own.tree == here.path() + "/sub/tree");
  CHECK(own.limits.script_timeout_ns == 120'000'000'000);
  CHECK(own.limits.case_timeout_ns == 1'000'000'000);
  CHECK(own.limits.memory == 1U << 30);
  CHECK(own.network == Network::none);
  CHECK(own.seccomp == "unconfined");
  CHECK(own.ids == Ids::one);
  CHECK(own.tags == Names{"slow", "net"});
  CHECK(own.skip == "not today");
}

TEST_CASE("manifest: what the request gives stands above the manifest") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml",
            "version: 1\nimage: one\nenv: {A: 1}\nnetwork: host\nseccomp: unconfined\nids: range\n"
            "limits: {case-timeout: 1s}\ntests:\n  - script: a.txt\n");
  RunRequest request;
  request.env = {"A=2"};
  request.given.limits.case_timeout_ns = 30'000'000'000;
  request.given.network = request.given.seccomp = request.given.ids = true;
  request.ids = Ids::one;
  const Plan plan = good_plan(request);
  CHECK(plan.jobs[0].environment.at("A") == "2");
  CHECK(plan.jobs[0].limits.case_timeout_ns == 30'000'000'000);
  CHECK(plan.jobs[0].network == Network::none);
  CHECK(plan.jobs[0].seccomp == "default");
  CHECK(plan.jobs[0].ids == Ids::one);
}

TEST_CASE("manifest: a test of sections is one job with several steps") {
  ManifestFolder here;
  here.file("build.txt", "exec make\n");
  here.file("doc.md", "```scrut\n$ true\n```\n");
  here.file("testctr.yaml",
            "version: 1\n"
            "image: golang:latest\n"
            "tests:\n"
            "  - name: all\n"
            "    sections:\n"
            "      - host: {script: build.txt}\n"
            "      - container: {script: doc.md}\n"
            "      - container: {run: exec a, image: debian}\n"
            "      - container: {run: exec b, image: debian, name: other}\n"
            "      - container: {run: exec c, name: other}\n"
            "      - host:\n"
            "          run: |\n"
            "            exists out\n"
            "            exec true\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs.size() == 1);
  const Job& job = plan.jobs[0];
  CHECK_FALSE(job.error);
  CHECK(job.name == "all");
  CHECK(job.where == host_place);
  CHECK(job.file == "build.txt");
  CHECK(job.source == "exec make\n");
  CHECK(job.image == "golang:latest");
  CHECK(job.tree == here.path());
  REQUIRE(job.further.size() == 5);
  CHECK(job.further[0].where == default_place);
  CHECK(job.further[0].format == Format::markdown);
  CHECK(job.further[0].cases == 1);
  CHECK(job.further[0].name == "doc.md");
  CHECK(job.further[1].where == "debian");
  CHECK(job.further[2].where == "other");
  CHECK(job.further[3].where == "other");
  CHECK(job.further[4].where == host_place);
  REQUIRE(job.containers.size() == 2);
  CHECK(job.containers[0].name == "debian");
  CHECK(job.containers[0].image == "debian");
  CHECK(job.containers[1].name == "other");
  CHECK_FALSE(job.containers[1].service);
  // The lines of a text have the numbers that they have in the manifest.
  CHECK(job.further[4].file == "testctr.yaml");
  CHECK(job.further[4].name == "testctr.yaml:13");
  CHECK(job.further[4].source == std::string(12, '\n') + "exists out\nexec true\n");
  CHECK(job.further[1].source == std::string(7, '\n') + "exec a");
}

TEST_CASE("manifest: the image is none where nothing runs in it") {
  ManifestFolder here;
  here.file("testctr.yaml",
            "version: 1\nimage: golang\ntests:\n  - {name: a, sections: [{host: {run: exec true}}]}\n");
  const Plan plan = good_plan();
  CHECK(plan.jobs[0].image.empty());
  CHECK(plan.jobs[0].containers.empty());
}

TEST_CASE("manifest: services are containers of every test, or of those that say so") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml",
            "version: 1\n"
            "image: builtin\n"
            "services:\n"
            "  db:\n"
            "    image: postgres:16\n"
            "    env: {POSTGRES_PASSWORD: x}\n"
            "    command: [postgres, -c, fsync=off]\n"
            "    ready: {exec: [pg_isready, -q], timeout: 5s}\n"
            "  cache: {image: redis, ready: {port: 6379}}\n"
            "  plain: {image: redis}\n"
            "  quick: {image: redis, ready: started}\n"
            "tests:\n"
            "  - {name: all, script: a.txt}\n"
            "  - {name: some, script: a.txt, services: [cache]}\n"
            "  - {name: none, script: a.txt, services: []}\n"
            "  - {name: own, script: a.txt, services: {mail: {image: postfix, ready: {log: 'started'}}}}\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs.size() == 4);
  REQUIRE(plan.jobs[0].containers.size() == 4);
  const Container& db = plan.jobs[0].containers[0];
  CHECK(db.name == "db");
  CHECK(db.image == "postgres:16");
  CHECK(db.service);
  CHECK(db.environment.at("POSTGRES_PASSWORD") == "x");
  CHECK(db.command == Names{"postgres", "-c", "fsync=off"});
  CHECK(db.ready.kind == Readiness::Kind::exec);
  CHECK(db.ready.words == Names{"pg_isready", "-q"});
  CHECK(db.ready.timeout_ns == 5'000'000'000);
  CHECK(plan.jobs[0].containers[1].ready.port == 6379);
  CHECK(plan.jobs[0].containers[2].ready == Readiness{});
  CHECK(plan.jobs[0].containers[3].ready.kind == Readiness::Kind::started);
  REQUIRE(plan.jobs[1].containers.size() == 1);
  CHECK(plan.jobs[1].containers[0].name == "cache");
  CHECK(plan.jobs[2].containers.empty());
  CHECK(plan.jobs[3].containers.size() == 5);
  CHECK(plan.jobs[3].containers[4].ready.text == "started");
}

TEST_CASE("manifest: a matrix multiplies") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml",
            "version: 1\n"
            "matrix: {image: [golang:1.21, golang:1.22], MODE: [fast, slow]}\n"
            "tests:\n"
            "  - script: a.txt\n"
            "    env: {SAY: 'in ${matrix.MODE} of ${matrix.image}'}\n"
            "  - {name: fixed, script: a.txt, image: debian}\n"
            "  - {name: own, script: a.txt, matrix: {MODE: [x]}}\n");
  const Plan plan = good_plan();
  CHECK(names_of(plan) ==
        Names{"a.txt [image=golang:1.21, MODE=fast]", "a.txt [image=golang:1.21, MODE=slow]",
              "a.txt [image=golang:1.22, MODE=fast]", "a.txt [image=golang:1.22, MODE=slow]",
              // It names its image itself: that axis changes nothing for it.
              "fixed [MODE=fast]", "fixed [MODE=slow]", "own [image=golang:1.21, MODE=x]",
              "own [image=golang:1.22, MODE=x]"});
  CHECK(plan.jobs[1].image == "golang:1.21");
  CHECK(plan.jobs[1].environment.at("MODE") == "slow");
  CHECK(plan.jobs[1].environment.at("SAY") == "in slow of golang:1.21");
  CHECK_FALSE(plan.jobs[1].environment.contains("image"));
  CHECK(plan.jobs[4].image == "debian");
}

TEST_CASE("manifest: needs are indices in the plan, of the same values of the matrix") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("b.txt");
  here.file("testctr.yaml",
            "version: 1\nimage: i\n"
            "tests:\n"
            "  - {name: use, script: a.txt, needs: make, matrix: {M: [1, 2]}, tags: x}\n"
            "  - {name: other, script: a.txt}\n"
            "  - {name: make, script: [a.txt, b.txt], matrix: {M: [1, 2]}, needs: [other]}\n");
  const Plan plan = good_plan();
  CHECK(names_of(plan) == Names{"use [M=1]", "use [M=2]", "other", "make: a.txt [M=1]", "make: b.txt [M=1]",
                                "make: a.txt [M=2]", "make: b.txt [M=2]"});
  CHECK(plan.jobs[0].needs == std::vector<size_t>{3, 4});
  CHECK(plan.jobs[1].needs == std::vector<size_t>{5, 6});
  CHECK(plan.jobs[3].needs == std::vector<size_t>{2});
  CHECK(plan.jobs[2].needs.empty());

  // Who is selected brings those that it needs.
  RunRequest one;
  one.names = {"use [M=2]"};
  const Plan part = good_plan(one);
  CHECK(names_of(part) == Names{"use [M=2]", "other", "make: a.txt [M=2]", "make: b.txt [M=2]"});
  CHECK(part.jobs[0].needs == std::vector<size_t>{2, 3});
  CHECK(part.jobs[2].needs == std::vector<size_t>{1});
  RunRequest tagged;
  tagged.tags = {"x"};
  CHECK(good_plan(tagged).jobs.size() == 7);
  RunRequest exact;
  exact.names = {"other"};
  CHECK(names_of(good_plan(exact)) == Names{"other"});
}

TEST_CASE("manifest: unknown names and tags on the command line name the nearest") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml", "version: 1\nimage: i\ntests:\n  - {name: build, script: a.txt, tags: slow}\n");
  RunRequest request;
  request.names = {"biuld"};
  CHECK(mistakes_here(request) == "-t: testctr.yaml has no test \"biuld\"\n  did you mean build?");
  request.names.clear();
  request.tags = {"slwo"};
  CHECK(mistakes_here(request) == "--tag: no test has the tag \"slwo\"\n  did you mean slow?");
}

TEST_CASE("manifest: included manifests bring their tests, with paths from their own folders") {
  ManifestFolder here;
  here.file("sub/deep/a.txt");
  here.file("sub/more/b.txt");
  here.file("testctr.yaml",
            "version: 1\nimage: outer\nenv: {A: outer, B: outer}\ninclude: sub/testctr.yaml\n");
  here.file(
      "sub/testctr.yaml",
      "version: 1\nenv: {A: inner}\ntree: more\ntests:\n  - script: deep/*.txt\ninclude: [more/t.yaml]\n");
  here.file("sub/more/t.yaml", "version: 1\nimage: own\ntests:\n  - script: b.txt\n");
  const Plan plan = good_plan();
  CHECK(names_of(plan) == Names{"sub/deep/a.txt", "sub/more/b.txt"});
  CHECK(plan.jobs[0].image == "outer");
  CHECK(plan.jobs[0].environment == std::map<std::string, std::string>{{"A", "inner"}, {"B", "outer"}});
  CHECK(plan.jobs[0].tree == here.path() + "/sub/more");
  CHECK(plan.jobs[1].image == "own");
  CHECK(plan.jobs[1].tree == here.path() + "/sub/more");
  CHECK(plan.jobs[1].file == "sub/more/b.txt");
}

TEST_CASE("manifest: anchors, aliases and merges") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml",
            "version: 1\nimage: i\n"
            "x-base: &base {env: {A: 1}, limits: {pids: 7}}\n"
            "x-slow: &slow {limits: {timeout: 1h}, tags: [slow]}\n"
            "tests:\n"
            "  - {<<: *base, name: one, script: a.txt}\n"
            "  - <<: [*slow, *base]\n"
            "    name: two\n"
            "    script: a.txt\n"
            "    env: {B: 2}\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs.size() == 2);
  CHECK(plan.jobs[0].environment.at("A") == "1");
  CHECK(plan.jobs[0].limits.pids == 7);
  // What stands first wins, what the map says itself before all; maps are not mixed.
  CHECK(plan.jobs[1].limits.pids == 1024);
  CHECK(plan.jobs[1].limits.script_timeout_ns == 3'600'000'000'000);
  CHECK(plan.jobs[1].environment == std::map<std::string, std::string>{{"B", "2"}});
  CHECK(plan.jobs[1].tags == Names{"slow"});
}

TEST_CASE("manifest: it is found in the folders above") {
  ManifestFolder here;
  here.file("testctr.yaml", "version: 1\n");
  here.file("a/b/x.txt");
  here.file("other/testctr.yaml", "version: 1\n");
  CHECK(find_manifest(".").value() == "testctr.yaml");
  CHECK(find_manifest("a/b").value() == "testctr.yaml");
  CHECK(find_manifest("other").value() == "other/testctr.yaml");
  CHECK(find_manifest(here.path() + "/a").value() == here.path() + "/testctr.yaml");
  REQUIRE(::chdir("a/b") == 0);
  CHECK(find_manifest(".").value() == "../../testctr.yaml");
  CHECK(find_manifest("../../other").value() == "../../other/testctr.yaml");
  REQUIRE(::chdir("/") == 0);
  CHECK_FALSE(find_manifest("/proc").value());
  REQUIRE(::chdir(here.path().c_str()) == 0);
}

TEST_CASE("manifest: a script that cannot be parsed is a job with an error, others run") {
  ManifestFolder here;
  here.file("a.txt", "exec 'open\n");
  here.file("b.txt");
  here.file("testctr.yaml",
            "version: 1\nimage: i\ntests:\n  - {name: named, script: a.txt}\n  - script: b.txt\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs[0].error);
  CHECK(plan.jobs[0].error->message().starts_with("a.txt:1:"));
  CHECK_FALSE(plan.jobs[1].error);
}

TEST_CASE("manifest: a mistake in the lines of a section has its place in the manifest") {
  ManifestFolder here;
  here.file("testctr.yaml",
            "version: 1\nimage: i\ntests:\n  - name: a\n    sections:\n      - container:\n          run: |\n"
            "            exec true\n            exec 'open\n");
  const Plan plan = good_plan();
  REQUIRE(plan.jobs[0].error);
  CHECK(plan.jobs[0].error->message().starts_with("testctr.yaml:9:"));
}

TEST_CASE("manifest: a secret that is not set here is missed by a run alone") {
  ManifestFolder here;
  here.file("a.txt");
  here.file("testctr.yaml", "version: 1\nimage: i\nsecrets: [NOWHERE]\ntests:\n  - script: a.txt\n");
  CHECK(mistakes_here() ==
        "testctr.yaml:3:11: the secret NOWHERE is not set here; `export NOWHERE=...` sets it");
  RunRequest look;
  look.looks_only = true;
  CHECK(good_plan(look).jobs.size() == 1);
}

TEST_CASE("manifest: a script that says itself where it runs needs no image and begins on the host") {
  ManifestFolder here;
  here.file("own.txt", "exec true\n[container debian]\nexec true\n");
  here.file("enter.txt", "testctr start debian box --enter\nexec true\n");
  here.file("bare.txt", "[host]\nexec true\n[container]\nexec true\n");
  here.file("testctr.yaml", "version: 1\ntests:\n  - script: [own.txt, enter.txt, bare.txt]\n");
  const Plan plan = good_plan();
  CHECK(plan.jobs[0].where == host_place);
  CHECK(plan.jobs[0].image.empty());
  CHECK_FALSE(plan.jobs[0].error);
  REQUIRE(plan.jobs[0].containers.size() == 1);
  CHECK(plan.jobs[0].containers[0].name == "debian");
  CHECK(plan.jobs[1].where == host_place);
  CHECK(plan.jobs[1].images == Names{"debian"});
  CHECK_FALSE(plan.jobs[1].error);
  REQUIRE(plan.jobs[2].error);
  CHECK(plan.jobs[2].error->message().starts_with("bare.txt:3:1: this section names no image"));
}

TEST_CASE("manifest: a section's script may go to further containers, or to the test's own") {
  ManifestFolder here;
  here.file("go.txt", "exec true\n[container debian as box]\nexec true\n[container]\nexec true\n");
  here.file("testctr.yaml",
            "version: 1\nimage: builtin\ntests:\n  - {name: a, sections: [{host: {script: go.txt}}]}\n");
  const Plan plan = good_plan();
  const Job& job = plan.jobs[0];
  CHECK_FALSE(job.error);
  CHECK(job.where == host_place);
  CHECK(job.image == "builtin");
  REQUIRE(job.containers.size() == 1);
  CHECK(job.containers[0].name == "box");
}
