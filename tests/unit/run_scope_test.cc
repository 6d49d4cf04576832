// What a test may ask for, and every way in which a place can lie about where its script goes on.
#include "run/scope.h"

#include <doctest/doctest.h>

#include <functional>

using namespace testctr;
using namespace testctr::run;

namespace {

plan::Job job_of(const std::string& source, const std::string& where = "host") {
  plan::Job job;
  job.name = "t.txt";
  job.source = source;
  job.where = where;
  return job;
}

/// A script and where it stands.
struct Stand {
  explicit Stand(const std::string& source) : job(job_of(source)), scope(Scope::of(job).value()) {}
  plan::Job job;
  Scope scope;
  Continuation from;

  /// What becomes of a claim: its complaint, or where it goes on.
  std::string claim(const std::string& place, uint32_t position, const std::string& target,
                    const std::function<void(Continuation&)>& change = {}) {
    from.target = place;
    Continuation said = from;
    said.position = position;
    said.target = target;
    if (change) change(said);
    auto accepted = scope.accept(from, std::move(said), place);
    if (!accepted.ok()) {
      CHECK(accepted.error().fault() == Fault::infrastructure);
      const std::string message = accepted.error().message();
      const size_t colon = message.find("protocol: ");
      return colon == std::string::npos ? message : message.substr(colon + 10);
    }
    return accepted.value().done ? "done" : "at " + accepted.value().target;
  }
};

std::function<void(Continuation&)> done(Outcome outcome) {
  return [outcome](Continuation& c) {
    c.done = true;
    c.outcome = outcome;
    c.target.clear();
  };
}

constexpr const char* sections =
    "[host]\n"                    // 1
    "env A=1\n"                   // 2: 0
    "exec true\n"                 // 3: 1
    "[container builtin as c]\n"  // 4
    "exec true\n"                 // 5: 2
    "exec true\n"                 // 6: 3
    "[host]\n"                    // 7
    "exec true\n"                 // 8: 4
    "[container builtin as d]\n"  // 9
    "exec true\n";                // 10: 5

}  // namespace

TEST_CASE("scope: what a script's places are") {
  const plan::Job job = job_of(sections);
  const Scope scope = Scope::of(job).value();
  CHECK(scope.several());
  CHECK(scope.host());
  CHECK_FALSE(scope.clients());
  CHECK(scope.names() == std::set<std::string>{"c", "d"});
  CHECK(scope.image_of("c") == "builtin");
  CHECK(scope.image_of("host").empty());
  CHECK(scope.image_of("x").empty());
  CHECK(scope.first_place(0) == "host");
  CHECK(scope.steps() == 1);
  const plan::Job alone = job_of("exec true\n", "container");
  const Scope one = Scope::of(alone).value();
  CHECK_FALSE(one.several());
  CHECK_FALSE(one.host());
  CHECK(one.first_place(0) == "container");
  const plan::Job second = job_of("# phase\n[container]\n[container x as y]\nexec true\n");
  CHECK(Scope::of(second).value().first_place(0) == "y");
}

TEST_CASE("scope: only what is written down is started") {
  plan::Job job = job_of(
      "testctr start redis:7 cache -p 6379 -p $P\nexec testctr start no:1 x\n[container builtin]\n"
      "timeout 5s testctr start inner:1 y -p 81\ndefer exec true\ndefer testctr rm cache\n");
  job.images = {"listed:1"};
  job.environment = {{"IMAGE", "given:1"}};
  const Scope scope = Scope::of(job).value();
  CHECK(scope.clients());
  CHECK(scope.deferred() == 2);
  Request start;
  start.kind = Request::Kind::start;
  start.place = "host";
  const auto allowed = [&](const std::string& image, std::vector<uint16_t> ports) {
    start.image = image;
    start.ports = std::move(ports);
    const Status status = scope.allow(start);
    if (!status.ok()) CHECK(status.error().fault() == Fault::infrastructure);
    return status.ok();
  };
  for (const char* image : {"redis:7", "builtin", "listed:1", "given:1", "inner:1"})
    CHECK(allowed(image, {}));
  CHECK(allowed("inner:1", {81}));
  for (const char* image : {"redis", "redis:8", "no:1", "", "IMAGE", "hostfs"})
    CHECK_FALSE(allowed(image, {}));
  CHECK(allowed("redis:7", {6379}));
  CHECK_FALSE(allowed("redis:7", {6379, 22}));
  CHECK_FALSE(allowed("redis:7", {6380}));
}

TEST_CASE("scope: a document's text says what it may start") {
  plan::Job job;
  job.name = "t.md";
  job.format = plan::Format::markdown;
  job.where = "container";
  job.image = "builtin";
  job.source = "$ testctr start \"redis:7\" cache -p 6379; true\n$ testctr exec cache true\n";
  const Scope scope = Scope::of(job).value();
  CHECK(scope.several());
  CHECK(scope.clients());
  Request start;
  start.image = "redis:7";
  start.ports = {6379};
  CHECK(scope.allow(start).ok());
  start.image = "cache";
  CHECK_FALSE(scope.allow(start).ok());
  // The only place of its test has nowhere to go on.
  Continuation from, said;
  from.target = said.target = "container";
  said.position = 1;
  CHECK_FALSE(scope.accept(from, said, "container").ok());
  said.done = true;
  CHECK(scope.accept(from, said, "container").ok());
}

TEST_CASE("scope: honest ways through sections") {
  Stand s(sections);
  CHECK(s.claim("host", 2, "c") == "at c");
  s.from.position = 2;
  CHECK(s.claim("c", 4, "host") == "at host");
  s.from.position = 4;
  CHECK(s.claim("host", 5, "d") == "at d");
  s.from.position = 5;
  CHECK(s.claim("d", 6, "d") == "at d");
  CHECK(s.claim("d", 6, "", done(Outcome::pass)) == "done");
  CHECK(s.claim("d", 5, "", done(Outcome::fail)) == "done");
  s.from.position = 0;
  CHECK(s.claim("host", 2, "c", [](Continuation& c) {
    c.state.environment["A"] = "anything";
    c.state.directory = work_token + "/d/e..f";
    c.state.stdout_buffer = std::string("\0\xff", 2);
  }) == "at c");
  // The line is the outside's to say, and the files have been written.
  Continuation said = s.from;
  said.position = 2;
  said.target = "c";
  said.state.line = 4000;
  said.extracted = false;
  const Continuation accepted = s.scope.accept(s.from, said, "host").value();
  CHECK(accepted.state.line == 4);
  CHECK(accepted.extracted);
}

TEST_CASE("scope: a step that ends with an empty section ends") {
  for (const char* source : {"[host]\n# a\n\n[container x]\n# b\n\n[host]\n# c\n", "", "[host]\n"}) {
    Stand s(source);
    auto accepted = s.scope.accept(s.from, s.from, "host");
    REQUIRE(accepted.ok());
    CHECK(accepted.value().state.line == UINT32_MAX);
  }
  Stand s("[host]\nexec true\n[container builtin as c]\n");
  CHECK(s.claim("host", 1, "host") == "at host");
  CHECK(s.claim("host", 1, "c") == "at host");
}

TEST_CASE("scope: lies about the position") {
  Stand s(sections);
  s.from.position = 2;
  CHECK(s.claim("c", 1, "host") == "it wants to go on where it has been");
  CHECK(s.claim("c", 7, "c") == "it wants to go on behind the script's end");
  CHECK(s.claim("c", UINT32_MAX, "host") == "it wants to go on behind the script's end");
  CHECK(s.claim("c", 5, "d") == "it passed over lines that are not its own");
  CHECK(s.claim("c", 6, "c") == "it passed over lines that are not its own");
  CHECK(s.claim("c", 6, "", done(Outcome::pass)) == "it passed over lines that are not its own");
  CHECK(s.claim("c", 6, "", done(Outcome::fail)) == "it passed over lines that are not its own");
  CHECK(s.claim("c", 2, "c") == "it carried out nothing and wants to go on");
  CHECK(s.claim("c", 2, "host") == "it carried out nothing and wants to go on");
  CHECK(s.claim("c", 4, "host", [](Continuation& c) { c.step = 1; }) ==
        "it wants to go on where it has been");
}

TEST_CASE("scope: lies about the end") {
  Stand s(
      "[host]\n[windows] stop\nexec true\n[container builtin as c]\nexec true\nexec true\n[host]\nexec "
      "true\n");
  s.from.position = 2;
  for (Outcome outcome : {Outcome::pass, Outcome::skip}) {
    CHECK(s.claim("c", 2, "", done(outcome)) == "it ended the script before its end");
    CHECK(s.claim("c", 3, "", done(outcome)) == "it ended the script before its end");
    CHECK(s.claim("c", 4, "", done(outcome)) == "it ended the script before its end");
  }
  // What stands before its own lines is not its to have carried out.
  Stand t("[host]\n[windows] stop\n[container builtin as c]\nexec true\n");
  t.from.position = 1;
  CHECK(t.claim("c", 1, "", done(Outcome::pass)) == "it ended the script before its end");
  Stand u("[host]\nexec true\n[container builtin as c]\nskip why\n[host]\nexec true\n");
  u.from.position = 1;
  CHECK(u.claim("c", 2, "", done(Outcome::skip)) == "done");
}

TEST_CASE("scope: lies about the place") {
  Stand s(sections);
  s.from.position = 2;
  for (const char* target : {"c", "d", "container", "builtin", "", "hos"})
    CHECK(s.claim("c", 4, target) == "it wants to go on in another place than the script says");
  for (const char* target : {"host", "c", "d"})
    CHECK(s.claim("c", 3, target) == "it wants to go on in another place than the script says");
  CHECK(s.claim("c", 4, "host", [](Continuation& c) { c.state.targets = {"host"}; }) ==
        "it wants to go on in another place than the script says");
}

TEST_CASE("scope: enter and leave") {
  Stand s(
      "testctr start builtin c --enter\n"  // 0, host
      "testctr enter d\n"                  // 1, c
      "testctr exec c host\n"              // 2, d
      "testctr start builtin e\n"          // 3, d
      "testctr leave\n"                    // 4, d
      "exec true\n"                        // 5, c
      "testctr enter $X\n"                 // 6, c
      "testctr start builtin f $X\n"       // 7
      "exec true\n");
  const char* const wrong = "it wants to go on in another place than the script says";
  const auto targets = [](std::vector<std::string> list) {
    return [list](Continuation& c) { c.state.targets = list; };
  };
  CHECK(s.claim("host", 1, "c", targets({"host"})) == "at c");
  CHECK(s.claim("host", 1, "d", targets({"host"})) == wrong);
  CHECK(s.claim("host", 1, "c", targets({})) == wrong);
  CHECK(s.claim("host", 1, "c", targets({"c"})) == wrong);
  s.from.position = 1;
  s.from.state.targets = {"host"};
  CHECK(s.claim("c", 2, "d", targets({"host", "c"})) == "at d");
  CHECK(s.claim("c", 2, "host", targets({})) == wrong);
  CHECK(s.claim("c", 2, "d", targets({"host", "host"})) == wrong);
  CHECK(s.claim("c", 2, "d", targets({"c"})) == wrong);
  s.from.position = 2;
  s.from.state.targets = {"host", "c"};
  // `exec` and a `start` that does not enter take nobody anywhere.
  for (const char* target : {"c", "host", "builtin", "e"}) {
    CHECK(s.claim("d", 3, target, targets({"host", "c", "d"})) == wrong);
    CHECK(s.claim("d", 4, target, targets({"host", "c", "d"})) == wrong);
  }
  CHECK(s.claim("d", 5, "c", targets({"host"})) == "at c");
  CHECK(s.claim("d", 5, "host", targets({"host"})) == wrong);
  CHECK(s.claim("d", 5, "c", targets({"host", "c"})) == wrong);
  // The line `leave` is behind it: it does not lead further out.
  s.from.position = 5;
  s.from.state.targets = {"host"};
  CHECK(s.claim("c", 5, "host", targets({})) == "it carried out nothing and wants to go on");
  CHECK(s.claim("c", 6, "host", targets({})) == wrong);
  // A name that only a variable says can be any, but never the host.
  CHECK(s.claim("c", 7, "e", targets({"host", "c"})) == "at e");
  CHECK(s.claim("c", 7, "host", targets({"host", "c"})) == wrong);
  CHECK(s.claim("c", 8, "f", targets({"host", "c"})) == "at f");
  Stand nothing("testctr leave\nexec true\n");
  CHECK(nothing.claim("host", 1, "host", targets({})) == wrong);
}

TEST_CASE("scope: lies about the environment") {
  Stand s("[host]\nexec true\n[container builtin as c]\nexec true\nenv B=2 C\n[host]\nexec true\n");
  s.from.position = 1;
  s.from.state.environment = {{"A", "1"}, {"W", work_token + "/x"}, {"B", "1"}, {"GONE", std::nullopt}};
  const auto set = [](const char* name, std::optional<std::string> value) {
    return [=](Continuation& c) { c.state.environment[name] = value; };
  };
  CHECK(s.claim("c", 3, "host", set("B", "\xff")) == "at host");
  CHECK(s.claim("c", 3, "host", set("W", "/work/x")) == "at host");  // the same, as it has it
  CHECK(s.claim("c", 3, "host", set("A", "2")) == "it changed the variable A, which its lines do not set");
  CHECK(s.claim("c", 3, "host", set("A", std::nullopt)) ==
        "it changed the variable A, which its lines do not set");
  CHECK(s.claim("c", 3, "host", set("LD_PRELOAD", work_token + "/evil.so")) ==
        "it changed the variable LD_PRELOAD, which its lines do not set");
  CHECK(s.claim("c", 3, "host", set("PATH", work_token)) ==
        "it changed the variable PATH, which its lines do not set");
  CHECK(s.claim("c", 3, "host", set("GONE", "back")) ==
        "it changed the variable GONE, which its lines do not set");
  CHECK(s.claim("c", 3, "host", [](Continuation& c) { c.state.environment.erase("A"); }) ==
        "it lost the variable A");
  // A name that is known only inside can be any.
  Stand t("[container builtin as c]\nenv $NAME=1\n[host]\nexec true\n");
  CHECK(t.claim("c", 1, "host", set("X", "1")) == "at host");
  Stand v("[container builtin as c]\nenv A$X=1 'B=$C' D=$E\n[host]\nexec true\n");
  CHECK(v.claim("c", 1, "host", set("Y", "1")) == "at host");
  Stand w("[container builtin as c]\nenv 'B=$C' D=$E F\n[host]\nexec true\n");
  CHECK(w.claim("c", 1, "host", set("D", "1")) == "at host");
  CHECK(w.claim("c", 1, "host", set("Y", "1")) == "it changed the variable Y, which its lines do not set");
  // What is captured is a variable; the words behind its name are none.
  Stand x("[container builtin as c]\ncapture OUT stderr P\n[host]\nexec true\n");
  CHECK(x.claim("c", 1, "host", set("OUT", "\xff")) == "at host");
  CHECK(x.claim("c", 1, "host", set("stderr", "1")) ==
        "it changed the variable stderr, which its lines do not set");
  CHECK(x.claim("c", 1, "host", set("P", "1")) == "it changed the variable P, which its lines do not set");
  // What stands in another's lines is not its to set.
  Stand u("[host]\nenv A=1\n[container builtin as c]\nexec true\n[host]\nexec true\n");
  u.from.position = 1;
  CHECK(u.claim("c", 2, "host", set("A", "1")) == "it changed the variable A, which its lines do not set");
}

TEST_CASE("scope: lies about the working directory") {
  Stand s("[host]\nexec true\n[container builtin as c]\ncd x\n[host]\nexec true\n");
  s.from.position = 1;
  const auto in = [&](const std::string& directory) {
    return s.claim("c", 2, "host", [&](Continuation& c) { c.state.directory = directory; });
  };
  CHECK(in("") == "at host");
  CHECK(in(work_token) == "at host");
  CHECK(in(work_token + "/a/..b") == "at host");
  for (const std::string& directory :
       {std::string("/etc"), std::string("etc"), work_token + "x", work_token + "/..",
        work_token + "/a/../../b", work_token + std::string("/a\0b", 4), "/" + work_token})
    CHECK(in(directory) == "its working directory is not below $WORK");
}
