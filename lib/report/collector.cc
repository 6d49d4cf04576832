#include "report/collector.h"

#include "base/text.h"
#include "report/render_parts.h"

namespace testctr::report {
namespace {

constexpr size_t most_kept = 100;
constexpr size_t most_begun = 1000;     // cases run beside each other; more lose their names
constexpr size_t longest_name = 120;    // bytes
constexpr size_t longest_reason = 500;  // of a case, beside its failure

/// The beginning of `text` in one line, no sequence of UTF-8 cut in two.
std::string in_one_line(std::string_view text, size_t longest) {
  std::string line;
  for (std::string_view part : text::lines(text.substr(0, 4 * longest))) {
    part = text::trim(part);
    if (!part.empty()) line += fmt::format("{}{}", line.empty() ? "" : " ", part);
  }
  if (line.size() <= longest) return line;
  size_t end = longest - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

/// A command's name: its first line.
std::string name_of_command(std::string_view command) {
  const size_t end = command.find('\n');
  const std::string first = in_one_line(command.substr(0, end), longest_name - 4);
  return end == std::string_view::npos ? first : first + " ...";
}

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

void Collector::start(const RunStart& start) {
  for (const auto& reporter : reporters_) reporter->run_started(start);
}

void Collector::tick() {
  for (const auto& reporter : reporters_) reporter->tick();
}

Collector::Running& Collector::running(const Event& event) {
  std::unique_ptr<Running>& slot = running_[event.script];
  if (!slot) {
    slot = std::make_unique<Running>(everything_);
    slot->report.index = event.script;
    slot->report.started_ns = event.time_ns;
  }
  return *slot;
}

void Collector::begin_command(Running& running, const Event& event) {
  ScriptReport& report = running.report;
  report.line = event.line;
  report.command = event.text;
  if (!event.place.empty() && event.place != report.place) {
    report.place = event.place;
    report.several_places = true;
    report.log.note(fmt::format("[{}]", in_place(event.place)));
  }
  report.log.command(event.text);
  running.file = event.file;
  if (running.begun.size() < most_begun)
    running.begun[{event.file, event.line}] = name_of_command(event.text);
}

void Collector::end_case(Running& running, const Event& event) {
  ScriptReport& report = running.report;
  CaseReport ended;
  ended.line = event.line;
  ended.file = event.file;
  ended.name = in_one_line(event.text, longest_name);
  ended.titled = !ended.name.empty();
  const auto begun = running.begun.find({event.file, event.line});
  if (begun != running.begun.end()) {
    if (!ended.titled) ended.name = std::move(begun->second);
    running.begun.erase(begun);
  }
  if (ended.name.empty()) ended.name = fmt::format("line {}", event.line);
  ended.outcome = event.outcome;
  ended.reason = in_one_line(event.detail, longest_reason);
  ended.code = event.code;
  ended.duration_ns = event.duration_ns;
  const bool bad = event.outcome == Outcome::fail || event.outcome == Outcome::error;
  const bool told = report.failures.size() > running.failures_told;
  for (; running.failures_told < report.failures.size(); ++running.failures_told) {
    FailureAt& failure = report.failures[running.failures_told];
    failure.of_case = report.cases.size();
    if (ended.reason.empty()) ended.reason = in_one_line(failure.failure.reason, longest_reason);
  }
  if (bad && ended.reason.empty()) ended.reason = std::move(running.left_out);
  running.left_out.clear();
  ended.log = report.log.close_case(bad && told, event.line == report.line && event.file == running.file);
  report.counts.count(event.outcome);
  report.cases.push_back(std::move(ended));
}

void Collector::take(const Event& event) {
  for (const auto& reporter : reporters_) reporter->event(event);
  Running& running = this->running(event);
  ScriptReport& report = running.report;
  switch (event.kind) {
    case Event::Kind::script_started:
      report.name = event.text;
      report.image = event.detail;
      report.file = event.file;
      report.started_ns = event.time_ns;
      for (const auto& reporter : reporters_) reporter->script_started(report);
      break;
    case Event::Kind::phase:
      report.log.phase(event.text, event.time_ns);
      break;
    case Event::Kind::command:
      begin_command(running, event);
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
      if (report.failures.size() < most_kept) {
        report.failures.push_back({event.line,
                                   event.file,
                                   event.failure,
                                   event.stream,
                                   {},
                                   report.several_places ? event.place : ""});
      } else {
        ++report.failures_left_out;
        running.left_out = in_one_line(event.failure.reason, longest_reason);
      }
      break;
    case Event::Kind::log:
      if (report.messages.size() < most_kept) report.messages.push_back(event.text);
      report.log.message(event.text);
      break;
    case Event::Kind::compared:  // for who updates the script
      break;
    case Event::Kind::case_ended:
      end_case(running, event);
      break;
    case Event::Kind::script_ended:
      end(event);
      break;
  }
}

void Collector::end(const Event& event) {
  ScriptReport& report = running(event).report;
  report.outcome = event.outcome;
  report.reason = event.text;
  report.fault = event.detail;
  if (event.line != 0) report.line = event.line;
  report.duration_ns = event.duration_ns;
  report.peak_memory = event.peak_memory;
  report.cpu_ns = event.cpu_ns;
  report.left = event.left;
  report.attempt = event.attempt;
  report.log.end(event.time_ns);
  if (!event.last) {
    for (const auto& reporter : reporters_) reporter->attempt_ended(report);
    auto next = std::make_unique<Running>(everything_);
    next->report.index = event.script;
    next->report.started_ns = event.time_ns;
    next->report.attempt = event.attempt + 1;
    next->report.earlier = std::move(report.earlier);
    next->report.earlier.push_back(std::move(report));
    running_[event.script] = std::move(next);
    return;
  }
  tally_.count(event.outcome, event.detail);
  tally_.count(report.counts);
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
