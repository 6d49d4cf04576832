// Events and continuations on the wire: there and back, and hostile ones.
#include <doctest/doctest.h>

#include "interpret/event.h"
#include "interpret/state.h"

using namespace testctr;

namespace {

Continuation full() {
  Continuation c;
  c.step = 2;
  c.position = 3;
  c.extracted = true;
  c.state.environment = {{"A", "x\xff"},
                         {"GONE", std::nullopt},
                         {"W", work_token + "/d"},
                         {"PATH", work_token + "/bin:" + path_token}};
  c.state.directory = work_token + "/d";
  c.state.stdout_buffer = std::string("a\0\xfe", 3);
  c.state.stderr_buffer = "err";
  c.state.status = 137;
  c.state.signalled = true;
  c.state.targets = {"host", "db"};
  c.state.shell = std::string("f() { :; }\n\0", 12);
  c.state.line = 9;
  c.state.phase = "two";
  c.target = "container";
  c.done = true;
  c.outcome = Outcome::skip;
  c.reason = "why";
  return c;
}

Result<Json> through_cbor(const Json& wire) { return json::from_cbor(json::to_cbor(wire)); }

std::string refused(Json wire) {
  auto read = continuation_from_wire(wire);
  return read.ok() ? "accepted" : read.error().message();
}

}  // namespace

TEST_CASE("wire: a continuation there and back") {
  auto read = continuation_from_wire(through_cbor(to_wire(full())).value());
  REQUIRE(read.ok());
  CHECK(read.value() == full());
  CHECK(continuation_from_wire(through_cbor(to_wire(Continuation{})).value()).value() == Continuation{});
}

TEST_CASE("wire: every event there and back") {
  Event event;
  event.line = 12;
  event.text = "t\xff";
  event.detail = "d";
  event.stream = "stderr";
  event.outcome = Outcome::fail;
  event.duration_ns = 5;
  event.failure = {"c", "r", "e", std::string("a\0", 2), "d", "h"};
  event.denial = {4, "prog\xff", "mount", 7};
  for (Event::Kind kind : {Event::Kind::script_started, Event::Kind::phase, Event::Kind::command,
                           Event::Kind::note, Event::Kind::output, Event::Kind::denied, Event::Kind::failure,
                           Event::Kind::script_ended, Event::Kind::log}) {
    event.kind = kind;
    auto read = event_from_wire(through_cbor(to_wire(event)).value());
    REQUIRE(read.ok());
    const Event& e = read.value();
    CHECK(e.kind == kind);
    CHECK(e.line == 12);
    CHECK(e.text == event.text);
    CHECK(e.stream == "stderr");
    CHECK(e.outcome == Outcome::fail);
    if (kind == Event::Kind::failure) CHECK(e.failure.actual == event.failure.actual);
    if (kind == Event::Kind::failure) CHECK(e.failure.hint == "h");
    if (kind == Event::Kind::denied) CHECK(e.denial == event.denial);
  }
}

TEST_CASE("wire: stamps are never taken from the channel") {
  Event event;
  event.kind = Event::Kind::log;
  Json wire = to_wire(event);
  wire["script"] = 5;
  wire["place"] = "host";
  wire["sequence"] = 9;
  auto read = event_from_wire(wire);
  REQUIRE(read.ok());
  CHECK(read.value().script == 0);
  CHECK(read.value().place.empty());
  CHECK(read.value().sequence == 0);
}

TEST_CASE("wire: hostile continuations are refused by name of the key") {
  Json good = to_wire(full());
  auto with = [&](const char* key, Json value) {
    Json wire = good;
    wire[key] = std::move(value);
    return refused(wire);
  };
  auto with_state = [&](const char* key, Json value) {
    Json wire = good;
    wire["state"][key] = std::move(value);
    return refused(wire);
  };
  CHECK(refused(good) == "accepted");
  CHECK(refused(Json::array()) == "a continuation is not an object");
  CHECK(refused(Json::object()) == "a continuation: key \"v\" is missing");
  CHECK(with("v", 2) == "a continuation has version 2, not 1");
  CHECK(with("position", "x").find("\"position\"") != std::string::npos);
  CHECK(with("position", -1).find("\"position\"") != std::string::npos);
  CHECK(with("position", uint64_t{1} << 40).find("\"position\"") != std::string::npos);
  CHECK(with("step", -1).find("\"step\"") != std::string::npos);
  CHECK(with("step", uint64_t{1} << 33).find("\"step\"") != std::string::npos);
  CHECK(with("extracted", "yes").find("\"extracted\"") != std::string::npos);
  CHECK(with("state", 1).find("\"state\"") != std::string::npos);
  CHECK(with("done", 1).find("\"done\"") != std::string::npos);
  CHECK(with("outcome", "green").find("outcome") != std::string::npos);
  CHECK(with("target", std::string(5000, 'x')).find("\"target\"") != std::string::npos);
  CHECK(with_state("status", 256).find("\"status\"") != std::string::npos);
  CHECK(with_state("line", 1.5).find("\"line\"") != std::string::npos);
  CHECK(with_state("phase", Json::object()).find("\"phase\"") != std::string::npos);
  CHECK(with_state("environment", Json::object()).find("\"environment\"") != std::string::npos);
  CHECK(with_state("environment", {{"A"}}).find("\"environment\"") != std::string::npos);
  CHECK(with_state("environment", {{"A", 5}}).find("\"environment\"") != std::string::npos);
  CHECK(with_state("environment", {{"A=B", "x"}}).find("\"environment\"") != std::string::npos);
  CHECK(with_state("environment", Json::array({Json::array({"", "x"})})).find("\"environment\"") !=
        std::string::npos);
  CHECK(with_state("environment", Json::array({Json::array({"A", std::string("a\0b", 3)})}))
            .find("\"environment\"") != std::string::npos);
  CHECK(with_state("signalled", 1).find("\"signalled\"") != std::string::npos);
  // The exit status 137 can be either, one below 129 is no signal's.
  CHECK(with_state("signalled", true) == "accepted");
  CHECK(with_state("status", 3).find("\"signalled\" without the status of a signal") != std::string::npos);
  // The token of PATH stands in the value of PATH alone.
  CHECK(with_state("environment", Json::array({Json::array({"A", json::binary(path_token)})}))
            .find("\"environment\"") != std::string::npos);
  CHECK(with_state("environment", Json::array({Json::array({"PATH", json::binary(path_token)})})) ==
        "accepted");
  CHECK(with_state("environment", Json::array({Json::array({"A", json::binary(work_token.substr(0, 5))})}))
            .find("\"environment\"") != std::string::npos);
  CHECK(with_state("shell", 5).find("\"shell\"") != std::string::npos);
  CHECK(with_state("targets", {""}).find("\"targets\"") != std::string::npos);
  CHECK(with_state("targets", {1, 2}).find("\"targets\"") != std::string::npos);
}

TEST_CASE("wire: hostile events are refused") {
  Event event;
  event.kind = Event::Kind::failure;
  auto refuse = [&](const char* key, Json value) {
    Json wire = to_wire(event);
    wire[key] = std::move(value);
    auto read = event_from_wire(wire);
    return read.ok() ? "accepted" : read.error().message();
  };
  CHECK(refuse("kind", "nothing").find("\"kind\"") != std::string::npos);
  CHECK(refuse("line", "1").find("\"line\"") != std::string::npos);
  CHECK(refuse("text", 1).find("\"text\"") != std::string::npos);
  CHECK(refuse("text", std::string((size_t{1} << 20) + 1, 'x')).find("\"text\"") != std::string::npos);
  CHECK(refuse("stream", "stdin").find("\"stream\"") != std::string::npos);
  CHECK(refuse("failure", Json::array()).find("\"failure\"") != std::string::npos);
  CHECK(refuse("outcome", 7).find("outcome") != std::string::npos);
  CHECK(refuse("duration_ns", -1).find("\"duration_ns\"") != std::string::npos);
  CHECK(refuse("v", 9).find("version") != std::string::npos);
}
