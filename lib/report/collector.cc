#include "report/collector.h"

namespace testctr::report {
namespace {

constexpr size_t most_kept = 100;

void keep_denial(std::vector<Denial>& all, const Denial& denial) {
  for (Denial& known : all) {
    if (known.line == denial.line && known.program == denial.program && known.syscall == denial.syscall) {
      known.count += denial.count;
      return;
    }
  }
  if (all.size() < most_kept) all.push_back(denial);
}

}  // namespace

void Collector::start(size_t scripts) {
  for (const auto& reporter : reporters_) reporter->run_started(scripts);
}

ScriptReport& Collector::script(const Event& event) {
  std::unique_ptr<ScriptReport>& slot = running_[event.script];
  if (!slot) {
    slot = std::make_unique<ScriptReport>(everything_);
    slot->index = event.script;
    slot->started_ns = event.time_ns;
  }
  return *slot;
}

void Collector::take(const Event& event) {
  for (const auto& reporter : reporters_) reporter->event(event);
  ScriptReport& report = script(event);
  switch (event.kind) {
    case Event::Kind::script_started:
      report.name = event.text;
      report.image = event.detail;
      for (const auto& reporter : reporters_) reporter->script_started(report);
      break;
    case Event::Kind::phase:
      report.log.phase(event.text, event.time_ns);
      break;
    case Event::Kind::command:
      report.line = event.line;
      report.command = event.text;
      report.log.command(event.text);
      break;
    case Event::Kind::note:
      report.log.note(event.text);
      break;
    case Event::Kind::output:
      report.log.output(event.stream, event.text);
      break;
    case Event::Kind::denied:
      keep_denial(report.denials, event.denial);
      break;
    case Event::Kind::failure:
      if (report.failures.size() < most_kept)
        report.failures.push_back({event.line, event.file, event.failure});
      break;
    case Event::Kind::log:
      if (report.messages.size() < most_kept) report.messages.push_back(event.text);
      report.log.message(event.text);
      break;
    case Event::Kind::case_ended:
      report.log.close_case(event.outcome != Outcome::pass);
      report.cases.push_back(
          {event.line, event.file, event.text, event.outcome, event.detail, event.duration_ns});
      break;
    case Event::Kind::script_ended:
      end(event);
      break;
  }
}

void Collector::end(const Event& event) {
  ScriptReport& report = script(event);
  report.outcome = event.outcome;
  report.reason = event.text;
  report.fault = event.detail;
  if (event.line != 0) report.line = event.line;
  report.duration_ns = event.duration_ns;
  report.log.end(event.time_ns);
  tally_.count(event.outcome, event.detail);
  for (const auto& reporter : reporters_) reporter->script_ended(report);
  running_.erase(event.script);
}

Status Collector::finish(const RunEnding& ending) {
  Status first;
  for (const auto& reporter : reporters_) {
    reporter->run_ended(ending, tally_);
    Status status = reporter->status();
    if (first.ok() && !status.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace testctr::report
