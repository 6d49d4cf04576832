#include "report/json_lines.h"

#include "base/json.h"
#include "base/text.h"

namespace testctr::report {
namespace {

using Object = nlohmann::ordered_json;

Object begun(std::string_view type) {
  Object object;
  object["version"] = 1;
  object["type"] = type;
  return object;
}

std::string line_of(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace) + "\n";
}

void put(Object& object, const char* key, std::string_view bytes) {
  if (!bytes.empty()) object[key] = Object(json::from_bytes(bytes));
}

void put(Object& object, const char* key, uint64_t number) {
  if (number != 0) object[key] = number;
}

void put_left(Object& object, const Leftovers& left) {
  if (!left.any()) return;
  Object& all = object["left"] = Object{{"count", left.count}};
  if (left.more) all["more"] = true;
  const std::vector<std::string> parts = text::split(left.paths, '\0');
  for (size_t i = 0; i + 2 < parts.size(); i += 3) {
    Object path;
    put(path, "path", parts[i + 2]);
    put(path, "how", parts[i]);
    put(path, "place", parts[i + 1]);
    all["paths"].push_back(std::move(path));
  }
}

void put_ended(Object& object, const Event& event) {
  object["outcome"] = to_string(event.outcome);
  if (!event.last) object["last"] = false;
  put(object, "reason", event.text);
  put(object, "fault", event.detail);
  put(object, "line", event.line);
  object["duration_ns"] = event.duration_ns;
  put(object, "peak_memory", event.peak_memory);
  put(object, "cpu_ns", static_cast<uint64_t>(event.cpu_ns));
  put_left(object, event.left);
}

void put_failure(Object& object, const Event& event) {
  put(object, "line", event.line);
  put(object, "command", event.failure.command);
  put(object, "reason", event.failure.reason);
  put(object, "expected", event.failure.expected);
  put(object, "actual", event.failure.actual);
  put(object, "diff", event.failure.diff);
  put(object, "hint", event.failure.hint);
}

void put_denied(Object& object, const Denial& denial) {
  put(object, "line", denial.line);
  put(object, "program", denial.program);
  put(object, "syscall", denial.syscall);
  object["count"] = denial.count;
}

void put_content(Object& object, const Event& event) {
  switch (event.kind) {
    case Event::Kind::script_started:
      put(object, "name", event.text);
      put(object, "image", event.detail);
      break;
    case Event::Kind::phase:
      put(object, "line", event.line);
      put(object, "title", event.text);
      break;
    case Event::Kind::command:
    case Event::Kind::note:
    case Event::Kind::log:
      put(object, "line", event.line);
      put(object, "text", event.text);
      break;
    case Event::Kind::output:
      put(object, "line", event.line);
      put(object, "stream", event.stream);
      put(object, "data", event.text);
      break;
    case Event::Kind::denied:
      put_denied(object, event.denial);
      break;
    case Event::Kind::failure:
      put_failure(object, event);
      put(object, "stream", event.stream);
      break;
    case Event::Kind::compared:
      put(object, "line", event.line);
      break;
    case Event::Kind::case_ended:
      put(object, "line", event.line);
      put(object, "title", event.text);
      object["outcome"] = to_string(event.outcome);
      put(object, "reason", event.detail);
      if (event.code) object["code"] = *event.code;
      object["duration_ns"] = event.duration_ns;
      break;
    case Event::Kind::script_ended:
      put_ended(object, event);
      break;
  }
}

}  // namespace

void JsonLines::run_started(const RunStart& start) {
  Object object = begun("run_started");
  object["program"] = "testctr-script " TESTCTR_VERSION;
  object["scripts"] = start.scripts;
  put(object, "selection", start.selection);
  put(object, "selected", start.selected);
  put(object, "shard", start.shard);
  put(object, "shards", start.shards);
  for (const std::string& name : start.setups) object["setups"].push_back(Object(json::from_bytes(name)));
  put(object, "sharded_by", start.sharded_by);
  if (start.seed) object["seed"] = *start.seed;
  object["parallel"] = start.parallel;
  put(object, "unix_ns", start.unix_ns);
  out_.write(line_of(object));
}

void JsonLines::event(const Event& event) {
  Object object = begun(to_string(event.kind));
  object["script"] = event.script;
  object["attempt"] = event.attempt;
  put(object, "place", event.place);
  if (!event.file.empty()) put(object, "file", event.file);
  object["sequence"] = event.sequence;
  object["time_ns"] = event.time_ns;
  put_content(object, event);
  out_.write(line_of(object));
}

void JsonLines::run_ended(const RunEnding& ending, const Tally& tally) {
  Object object = begun("run_ended");
  object["passed"] = tally.passed();
  object["failed"] = tally.failed();
  object["errors"] = tally.of(Outcome::error);
  object["skipped"] = tally.of(Outcome::skip);
  object["not_run"] = tally.of(Outcome::not_run);
  for (const Outcome kind : {Outcome::flaky, Outcome::xfail, Outcome::xpass})
    put(object, std::string(to_string(kind)).c_str(), tally.of(kind));
  if (tally.cases().total() > 0) {
    const CaseCounts& cases = tally.cases();
    object["cases"] = {{"passed", cases.passed},
                       {"failed", cases.failed},
                       {"errors", cases.errors},
                       {"skipped", cases.skipped},
                       {"not_run", cases.not_run}};
  }
  object["not_tests"] = ending.not_tests;
  object["timed_out"] = ending.timed_out;
  if (ending.failed_fast) object["failed_fast"] = true;
  if (ending.incomplete) object["incomplete"] = true;
  if (ending.signal != 0) object["signal"] = ending.signal;
  object["duration_ns"] = ending.duration_ns;
  object["exit_code"] = tally.exit_code(ending);
  out_.write(line_of(object));
}

}  // namespace testctr::report
