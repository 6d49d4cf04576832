#include "bundle/recording.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::bundle {
namespace {

constexpr size_t most_output = size_t{64} * 1024;  // of a step and stream
constexpr size_t most_reason = size_t{4} * 1024;
constexpr size_t most_steps = 20'000;               // of a test
constexpr uint64_t most_kept = uint64_t{16} << 20;  // of all tests, with
constexpr uint64_t step_weight = 64;                // for each step besides what it says

Error malformed() { return Error::infrastructure("the bundle's recording is malformed: it is damaged"); }

Json step_to_wire(const RecordedStep& s) {
  Json wire{{"line", s.line}, {"command", json::binary(s.command)}};
  if (!s.place.empty()) wire["place"] = json::binary(s.place);
  if (!s.file.empty()) wire["file"] = json::binary(s.file);
  if (!s.out.empty()) wire["out"] = json::binary(s.out);
  if (!s.err.empty()) wire["err"] = json::binary(s.err);
  if (s.cut) wire["cut"] = 1;
  if (s.failed) wire["reason"] = json::binary(s.reason);
  if (s.code) wire["code"] = *s.code;
  return wire;
}

Result<RecordedStep> step_from_wire(const Json& wire) {
  RecordedStep s;
  const int64_t line = TRY(json::get_int(wire, "line"));
  if (line < 0 || line > UINT32_MAX) return malformed();
  s.line = static_cast<uint32_t>(line);
  s.command = TRY(json::get_string(wire, "command", ""));
  s.place = TRY(json::get_string(wire, "place", ""));
  s.file = TRY(json::get_string(wire, "file", ""));
  s.out = TRY(json::get_string(wire, "out", ""));
  s.err = TRY(json::get_string(wire, "err", ""));
  s.cut = TRY(json::get_int(wire, "cut", 0)) != 0;
  s.failed = wire.contains("reason");
  for (const std::string* text : {&s.command, &s.out, &s.err})
    if (text->size() > most_output) return malformed();
  s.reason = TRY(json::get_string(wire, "reason", ""));
  if (wire.contains("code")) {
    const int64_t code = TRY(json::get_int(wire, "code"));
    if (code < 0 || code > 255) return malformed();
    s.code = static_cast<int>(code);
  }
  return s;
}

void add(std::string& to, std::string_view bytes, bool& cut, uint64_t& kept) {
  const size_t room = static_cast<size_t>(std::min<uint64_t>(most_output - std::min(to.size(), most_output),
                                                             most_kept - std::min(kept, most_kept)));
  if (bytes.size() > room) cut = true;
  bytes = bytes.substr(0, room);
  to += bytes;
  kept += bytes.size();
}

}  // namespace

const RecordedStep* RecordedTest::failure() const {
  for (const RecordedStep& step : steps) {
    if (step.failed) return &step;
  }
  return nullptr;
}

void mask(Recording& recording, const run::Secrets& secrets) {
  for (RecordedTest& test : recording.tests) {
    test.reason = secrets.masked(test.reason);
    for (RecordedStep& step : test.steps)
      for (std::string* text : {&step.command, &step.out, &step.err, &step.reason})
        *text = secrets.masked(*text);
  }
}

Json to_wire(const Recording& recording) {
  Json tests = Json::array();
  for (const RecordedTest& test : recording.tests) {
    Json steps = Json::array();
    for (const RecordedStep& step : test.steps) steps.push_back(step_to_wire(step));
    tests.push_back(Json{{"name", json::binary(test.name)},
                         {"image", json::binary(test.image)},
                         {"outcome", std::string(to_string(test.outcome))},
                         {"reason", json::binary(test.reason)},
                         {"steps", std::move(steps)},
                         {"cut", test.cut ? 1 : 0}});
    if (!test.fault.empty()) tests.back()["fault"] = test.fault;
  }
  Json surroundings = Json::object();
  for (const auto& [name, value] : recording.surroundings) surroundings[name] = json::binary(value);
  return Json{{"v", 1}, {"surroundings", std::move(surroundings)}, {"tests", std::move(tests)}};
}

Result<Recording> recording_from_wire(const Json& wire) {
  if (!wire.is_object()) return malformed();
  if (TRY(json::get_int(wire, "v")) != 1)
    return Error::infrastructure("the bundle's recording is of a version that this program does not know")
        .hint("a newer testctr-script can read it");
  Recording recording;
  const Json* surroundings = json::find(wire, "surroundings", Json::value_t::object);
  const Json* tests = json::find(wire, "tests", Json::value_t::array);
  if (surroundings == nullptr || tests == nullptr) return malformed();
  for (const auto& [name, value] : surroundings->items())
    recording.surroundings[name] = json::bytes_of(value);
  for (const Json& one : *tests) {
    RecordedTest& test = recording.tests.emplace_back();
    test.name = TRY(json::get_string(one, "name"));
    test.image = TRY(json::get_string(one, "image"));
    test.outcome = TRY(outcome_from_string(TRY(json::get_string(one, "outcome"))));
    test.reason = TRY(json::get_string(one, "reason"));
    test.fault = TRY(json::get_string(one, "fault", ""));
    test.cut = TRY(json::get_int(one, "cut", 0)) != 0;
    const Json* steps = json::find(one, "steps", Json::value_t::array);
    if (steps == nullptr || steps->size() > most_steps + 1) return malformed();
    for (const Json& step : *steps) test.steps.push_back(TRY(step_from_wire(step)));
  }
  return recording;
}

std::map<std::string, std::string> surroundings_here(const std::string& engine) {
  std::map<std::string, std::string> all;
  struct utsname system {};
  uname(&system);
  all["kernel"] = fmt::format("{} {}", system.sysname, system.release);
  all["architecture"] = system.machine;
  all["processors"] = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  all["memory"] = text::human_size(static_cast<uint64_t>(pages) * static_cast<uint64_t>(page));
  all["page size"] = std::to_string(page);
  all["user"] = geteuid() == 0 ? "root" : "an ordinary user";
  all["engine"] = engine;
  all["testctr-script"] = TESTCTR_VERSION;
  return all;
}

// The step that an event is about: the last one of its place and line.
RecordedStep* Recorder::step_of(RecordedTest& test, const Event& event) {
  for (auto step = test.steps.rbegin(); step != test.steps.rend(); ++step) {
    if (step->place != event.place) continue;
    if (event.line == 0 || (step->line == event.line && step->file == event.file)) return &*step;
  }
  return nullptr;
}

void Recorder::begin_step(RecordedTest& test, const Event& event) {
  kept_ += step_weight + event.place.size() + event.file.size();
  RecordedStep& step = test.steps.emplace_back();
  step.place = event.place;
  step.file = event.file;
  step.line = event.line;
}

bool Recorder::is_full(const RecordedTest& test) const {
  return test.steps.size() >= most_steps || kept_ >= most_kept;
}

void Recorder::take(const Event& event) {
  next_.take(event);
  if (event.script >= recording_.tests.size()) return;
  RecordedTest& test = recording_.tests[event.script];
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::script_started:
      test = {};
      test.name = event.text;
      test.image = event.detail;
      break;
    case Kind::command:
      if (is_full(test)) {
        test.cut = true;
        break;
      }
      begin_step(test, event);
      add(test.steps.back().command, event.text, test.steps.back().cut, kept_);
      break;
    case Kind::output:
      if (RecordedStep* step = step_of(test, event))
        add(event.stream == "stderr" ? step->err : step->out, event.text, step->cut, kept_);
      break;
    case Kind::failure:
      // The failure is what is looked for: it has room where there is none for others.
      if (step_of(test, event) == nullptr && (!is_full(test) || test.failure() == nullptr))
        begin_step(test, event);
      if (RecordedStep* step = step_of(test, event); step != nullptr && !step->failed) {
        step->failed = true;
        step->reason = event.failure.reason.substr(0, most_reason);
      }
      break;
    case Kind::case_ended:
      if (RecordedStep* step = step_of(test, event)) {
        step->code = event.code;
        if (event.outcome != Outcome::pass && event.outcome != Outcome::skip && !step->failed) {
          step->failed = true;
          step->reason = event.detail.substr(0, most_reason);
        }
      }
      break;
    case Kind::script_ended:
      test.outcome = event.outcome;
      test.reason = event.text.substr(0, most_reason);
      if (event.outcome == Outcome::error) test.fault = event.detail;
      break;
    default:
      break;
  }
}

}  // namespace testctr::bundle
