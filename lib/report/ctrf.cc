#include "report/ctrf.h"

#include <algorithm>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "report/render.h"
#include "report/xml.h"

namespace testctr::report {
namespace {

using Object = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> statuses{"passed", "failed", "skipped", "pending", "other"};

std::string_view status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::flaky:
      return statuses[0];
    case Outcome::fail:
    case Outcome::error:
    case Outcome::xpass:
      return statuses[1];
    case Outcome::skip:
    case Outcome::xfail:
      return statuses[2];
    case Outcome::not_run:
      return statuses[3];
  }
  return statuses[4];
}

std::string dump(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

std::string shown(std::string_view bytes) { return text::printable(bytes, /* keep_layout= */ true); }

void put(Object& object, const char* key, std::string_view bytes) {
  if (!bytes.empty()) object[key] = shown(bytes);
}

/// Milliseconds since the epoch.
uint64_t at(const RunStart& start, int64_t ns) {
  return (start.unix_ns + static_cast<uint64_t>(std::max<int64_t>(0, ns))) / 1'000'000;
}

/// What went wrong, as text; of a document with its cases.
std::string trace_of(const ScriptReport& script, std::string_view work) {
  std::string text;
  const TakeLine take = [&](Style, std::string_view line) {
    text += line;
    text += '\n';
  };
  if (!script.cases.empty()) {
    render_document(script, work, /*verbose=*/false, take);
  } else {
    render_failures(script, work, take);
  }
  return text;
}

Object log_of(const ScriptReport& script, std::string_view work) {
  Object lines = Object::array();
  if (!script.cases.empty()) return lines;  // the trace has what its cases printed
  render_log(script, work, [&](Style, std::string_view line) { lines.push_back(shown(line)); });
  return lines;
}

/// What a test and an attempt have in common.
void put_course(Object& object, const ScriptReport& script, const RunStart& start, std::string_view work) {
  object["status"] = status_of(script.outcome);
  object["duration"] = std::max<int64_t>(0, script.duration_ns / 1'000'000);
  object["start"] = at(start, script.started_ns);
  object["stop"] = at(start, script.started_ns + std::max<int64_t>(0, script.duration_ns));
  put(object, "message", summary_of(script, work));
  if (script.outcome == Outcome::pass || script.outcome == Outcome::flaky) return;
  put(object, "trace", trace_of(script, work));
  const FailureAt* failure = script.main_failure();
  const uint32_t line = failure == nullptr ? script.line : failure->line;
  if (line != 0) object["line"] = line;
  Object log = log_of(script, work);
  if (!log.empty()) object["stdout"] = std::move(log);
}

void put_extra(Object& object, const ScriptReport& script) {
  Object extra = Object::object();
  put(extra, "image", script.image);
  put(extra, "fault", script.fault);
  if (script.cpu_ns > 0) extra["cpu_ms"] = script.cpu_ns / 1'000'000;
  if (script.peak_memory > 0) extra["peak_memory_bytes"] = script.peak_memory;
  put(extra, "left_outside_work", left_of(script));
  if (!script.denials.empty()) {
    Object& denials = extra["denied"] = Object::array();
    for (const Denial& denial : script.denials)
      denials.push_back({{"line", denial.line},
                         {"program", shown(denial.program)},
                         {"syscall", shown(denial.syscall)},
                         {"count", denial.count}});
  }
  if (!extra.empty()) object["extra"] = std::move(extra);
}

Object attempt_of(const ScriptReport& attempt, const RunStart& start, std::string_view work) {
  Object object;
  object["attempt"] = attempt.attempt + 1;
  put_course(object, attempt, start, work);
  put_extra(object, attempt);
  return object;
}

Object steps_of(const ScriptReport& script) {
  Object steps = Object::array();
  const std::vector<std::string> names = unique_names(script);
  for (size_t i = 0; i < script.cases.size(); ++i) {
    const CaseReport& test = script.cases[i];
    Object extra{{"line", test.line}, {"duration", test.duration_ns / 1'000'000}};
    put(extra, "file", test.file);
    put(extra, "reason", test.reason);
    if (test.code) extra["code"] = *test.code;
    steps.push_back({{"name", shown(names[i])}, {"status", status_of(test.outcome)}, {"extra", extra}});
  }
  return steps;
}

}  // namespace

void Ctrf::run_started(const RunStart& start) {
  start_ = start;
  if (start_.unix_ns == 0) start_.unix_ns = sys::realtime_ns();
}

void Ctrf::script_ended(const ScriptReport& script) {
  Object test;
  test["name"] = script.name.empty() ? "?" : shown(script.name);
  put_course(test, script, start_, work_);
  test["rawStatus"] = to_string(script.outcome);
  const FailureAt* failure = script.main_failure();
  test["filePath"] = shown(script.source(failure == nullptr ? "" : failure->file));
  test["flaky"] = script.outcome == Outcome::flaky;
  test["retries"] = script.earlier.size();
  if (!script.earlier.empty()) {
    Object& attempts = test["retryAttempts"] = Object::array();
    for (const ScriptReport& attempt : script.earlier) attempts.push_back(attempt_of(attempt, start_, work_));
  }
  if (!script.cases.empty()) test["steps"] = steps_of(script);
  put_extra(test, script);
  ++counts_[status_of(script.outcome)];
  tests_.append((tests_.size() == 0 ? "\n" : ",\n") + dump(test));
}

void Ctrf::run_ended(const RunEnding& ending, const Tally& tally) {
  Object summary;
  summary["tests"] = tally.total();
  for (const std::string_view status : statuses) summary[std::string(status)] = counts_[status];
  summary["flaky"] = tally.of(Outcome::flaky);
  summary["start"] = at(start_, 0);
  summary["stop"] = at(start_, ending.duration_ns);
  summary["duration"] = std::max<int64_t>(0, ending.duration_ns / 1'000'000);
  Object extra{{"exit_code", tally.exit_code(ending)}, {"errors", tally.of(Outcome::error)}};
  put(extra, "stopped", ending.stopped());
  summary["extra"] = std::move(extra);
  const Object tool{{"name", "testctr-script"}, {"version", TESTCTR_VERSION}};
  out_.write(fmt::format(
      "{{\"reportFormat\":\"CTRF\",\"specVersion\":\"0.0.0\",\"timestamp\":\"{}\",\"generatedBy\":"
      "\"testctr-script\",\"results\":{{\"tool\":{},\"summary\":{},\"tests\":[",
      timestamp_of(start_.unix_ns + static_cast<uint64_t>(std::max<int64_t>(0, ending.duration_ns))),
      dump(tool), dump(summary)));
  write_all(out_, tests_);
  out_.write("\n]}}\n");
}

}  // namespace testctr::report
