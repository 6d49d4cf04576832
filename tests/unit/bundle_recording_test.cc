#include "bundle/recording.h"

#include <doctest/doctest.h>

namespace testctr::bundle {
namespace {

struct Nobody : EventSink {
  void take(const Event&) override {}
};

Event of(Event::Kind kind, uint32_t line = 0, const std::string& text = "") {
  Event event;
  event.kind = kind;
  event.line = line;
  event.text = text;
  event.stream = kind == Event::Kind::output ? "stdout" : "";
  event.place = "container";
  return event;
}

Recording full() {
  RecordedStep step;
  step.place = "db";
  step.file = "x.md";
  step.line = UINT32_MAX;
  step.command = "exec \xff";
  step.out = std::string("\0o", 2);
  step.err = "e";
  step.cut = true;
  step.failed = true;
  step.reason = "r";
  step.code = 255;
  RecordedTest test;
  test.name = "t.txt";
  test.image = "builtin";
  test.outcome = Outcome::fail;
  test.reason = "why";
  test.fault = "infrastructure";
  test.steps = {step, {}};
  test.cut = true;
  return {{{"kernel", "6"}}, {test, {}}};
}

std::string bytes_of(const Recording& recording) { return json::to_cbor(to_wire(recording)); }

Result<Recording> read(std::string_view bytes) {
  auto wire = json::from_cbor(bytes);
  if (!wire.ok()) return wire.error();
  return recording_from_wire(wire.value());
}

TEST_CASE("a recording is written down and read back with all that it is") {
  const Recording recording = full();
  auto back = read(bytes_of(recording));
  REQUIRE(back.ok());
  CHECK(back.value().surroundings == recording.surroundings);
  REQUIRE(back.value().tests.size() == 2);
  const RecordedTest &was = recording.tests[0], &is = back.value().tests[0];
  CHECK(is.name == was.name);
  CHECK(is.image == was.image);
  CHECK(is.outcome == was.outcome);
  CHECK(is.reason == was.reason);
  CHECK(is.fault == was.fault);
  CHECK(is.steps == was.steps);
  CHECK(is.cut);
  REQUIRE(is.failure() != nullptr);
  CHECK(is.failure()->reason == "r");
  CHECK(back.value().tests[1].failure() == nullptr);
}

TEST_CASE("a recording that is cut or altered is an error, or another recording") {
  const std::string bytes = bytes_of(full());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(read(bytes.substr(0, size)).ok());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned char flip : {0x01, 0x20, 0x80, 0xff}) {
      std::string altered = bytes;
      altered[at] = static_cast<char>(static_cast<unsigned char>(altered[at]) ^ flip);
      if (auto recording = read(altered); recording.ok()) CHECK(read(bytes_of(recording.value())).ok());
    }
  }
  Json newer = to_wire(full());
  newer["v"] = 2;
  auto refused = recording_from_wire(newer);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().full().find("newer") != std::string::npos);
}

TEST_CASE("numbers and lengths of a recording that none of ours has are errors") {
  const auto refused = [](const char* key, const Json& value) {
    Json wire = to_wire(full());
    wire["tests"][0]["steps"][0][key] = value;
    return !recording_from_wire(wire).ok();
  };
  CHECK(refused("line", -1));
  CHECK(refused("line", int64_t{1} << 32));
  CHECK(refused("code", 256));
  CHECK(refused("code", -1));
  CHECK(refused("out", json::binary(std::string(64 * 1024 + 1, 'x'))));
  CHECK_FALSE(refused("out", json::binary(std::string(64 * 1024, 'x'))));
  CHECK(refused("command", 1));
}

TEST_CASE("the events of a run are recorded as steps") {
  Nobody nobody;
  Recorder recorder(nobody, 1);
  Event started = of(Event::Kind::script_started, 0, "t.txt");
  started.detail = "builtin";
  recorder.take(started);
  recorder.take(of(Event::Kind::command, 1, "exec echo"));
  recorder.take(of(Event::Kind::output, 1, "a"));
  recorder.take(of(Event::Kind::output, 1, "b"));
  Event errors = of(Event::Kind::output, 1, "e");
  errors.stream = "stderr";
  recorder.take(errors);
  recorder.take(of(Event::Kind::command, 2, "stdout x"));
  Event failure = of(Event::Kind::failure, 2);
  failure.failure.reason = "no match";
  recorder.take(failure);
  Event ended = of(Event::Kind::script_ended);
  ended.outcome = Outcome::fail;
  recorder.take(ended);
  Event stranger = of(Event::Kind::command, 1, "of no test");
  stranger.script = 7;
  recorder.take(stranger);
  const RecordedTest& test = recorder.recording().tests.at(0);
  CHECK(test.name == "t.txt");
  CHECK(test.image == "builtin");
  REQUIRE(test.steps.size() == 2);
  CHECK(test.steps[0].out == "ab");
  CHECK(test.steps[0].err == "e");
  REQUIRE(test.failure() != nullptr);
  CHECK(test.failure()->line == 2);
  CHECK(test.failure()->reason == "no match");
  CHECK(test.outcome == Outcome::fail);
}

TEST_CASE("what is recorded is bounded, and the failure is kept") {
  Nobody nobody;
  Recorder recorder(nobody, 2);
  recorder.take(of(Event::Kind::script_started, 0, "t.txt"));
  recorder.take(of(Event::Kind::command, 1, "exec loud"));
  for (int i = 0; i < 10; ++i) recorder.take(of(Event::Kind::output, 1, std::string(10'000, 'x')));
  const RecordedTest& test = recorder.recording().tests[0];
  CHECK(test.steps[0].out.size() == 64 * 1024);
  CHECK(test.steps[0].cut);
  for (uint32_t line = 2; line < 30'000; ++line) {
    Event command = of(Event::Kind::command, line, std::string(2000, 'c'));
    command.file = std::string(4096, 'f');
    recorder.take(command);
  }
  Event failure = of(Event::Kind::failure, 40'000);
  failure.failure.reason = std::string(1'000'000, 'r');
  recorder.take(failure);
  Event ended = of(Event::Kind::script_ended, 0, std::string(1'000'000, 'w'));
  ended.outcome = Outcome::fail;
  recorder.take(ended);
  CHECK(test.cut);
  CHECK(test.steps.size() <= 20'001);
  REQUIRE(test.failure() != nullptr);
  CHECK(test.failure()->line == 40'000);
  const std::string bytes = bytes_of(recorder.recording());
  CHECK(bytes.size() < (size_t{20} << 20));
  CHECK(read(bytes).ok());
}

TEST_CASE("a secret whose pieces were told apart is not in a recording") {
  Nobody nobody;
  Recorder recorder(nobody, 1);
  recorder.take(of(Event::Kind::command, 1, "exec sh"));
  recorder.take(of(Event::Kind::output, 1, "topse"));
  recorder.take(of(Event::Kind::note, 1));
  recorder.take(of(Event::Kind::output, 1, "cret"));
  run::Secrets secrets;
  secrets.add("topsecret");
  CHECK(secrets.in(bytes_of(recorder.recording())));
  mask(recorder.recording(), secrets);
  CHECK(recorder.recording().tests[0].steps.at(0).out == "***");
  CHECK_FALSE(secrets.in(bytes_of(recorder.recording())));
}

}  // namespace
}  // namespace testctr::bundle
