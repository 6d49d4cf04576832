// Where a document stands still, and how it stands.
#include "interpret/document_run.h"

#include "base/text.h"

namespace testctr::interpret {

Stop DocumentRun::stop_at(Stop::Why why, size_t part, uint32_t line) const {
  return {why, parts_[part].name, parts_[part].source, line};
}

Debugger::Go DocumentRun::ask(const Stop& at) {
  const uint64_t began = sys::monotonic_ns();
  const Debugger::Go go = session_.debugger->stop(session_, *this, at);
  if (total_deadline_ns_ != UINT64_MAX) total_deadline_ns_ += sys::monotonic_ns() - began;
  return go;
}

std::string DocumentRun::carry_out_typed(const std::string& line) {
  if (!shell_->alive()) return "the document's shell has ended";
  CaseOrder order;
  order.expression = line;
  order.stream = script::Stream::combined;
  order.place = "typed";
  order.assignments = std::exchange(assignments_, {});
  order.deadline_ns = UINT64_MAX;
  if (session_.setting.case_timeout_ns > 0)
    order.deadline_ns = sys::monotonic_ns() + static_cast<uint64_t>(session_.setting.case_timeout_ns);
  auto ended = shell_->run(order);
  if (!ended.ok()) return ended.error().message();
  CaseEnd& end = ended.value();
  if (end.out) session_.tell_output("stdout", *end.out);
  remember(end);
  for (const std::string& note : shell_->take_notes()) session_.note(note);
  (void)tell_denials(session_);
  if (end.state_lost)
    stop(Outcome::not_run,
         "the shell died at the prompt, and what the cases before had set could not be saved");
  if (!shell_->alive())
    stop(Outcome::not_run, "the shell ended at the prompt, and all cases of a Cram document share it");
  std::string said = "[it was stopped]";
  if (end.how == CaseEnd::How::ended) said = fmt::format("[exit status {}]", end.code);
  if (end.how == CaseEnd::How::signalled) said = fmt::format("[{}]", describe_status(end.signal));
  return shell_->alive() ? said : said + "\nthe document's shell has ended";
}

void DocumentRun::remember(CaseEnd& end) {
  if (session_.debugger == nullptr || !session_.debugger->on()) return;
  for (auto [from, to] : {std::pair{&end.out, &session_.out}, std::pair{&end.err, &session_.err}}) {
    to->clear();
    auto view = *from ? (*from)->view() : Result<std::string_view>("");
    if (view.ok()) (void)to->append(view.value());
  }
}

Status DocumentRun::carry_out_watched(size_t part, const script::Case& test, size_t number) {
  at_part_ = part;
  if (session_.setting.at_break && is_break(session_.setting.breaks, parts_[part].name, test.line)) {
    session_.setting.at_break(standpoint());
    return leave_it();
  }
  Debugger* debugger = session_.debugger;
  if (debugger == nullptr || !debugger->on()) return carry_out_case(part, test, number);
  if (debugger->stops_before(parts_[part].name, test.line) &&
      ask(stop_at(Stop::Why::before, part, test.line)) == Debugger::Go::quit)
    return leave_it();
  const bool failed_before = std::exchange(failed_, false);
  debugger->begin_line();
  CHECK_OK(carry_out_case(part, test, number));
  if (failed_) CHECK_OK(stand_behind(*debugger, part, test, number));
  debugger->end_line();
  failed_ = failed_ || failed_before;
  return {};
}

Status DocumentRun::stand_behind(Debugger& debugger, size_t part, const script::Case& test, size_t number) {
  for (Stop::Why why = Stop::Why::failed;;) {
    const Debugger::Go go = ask(stop_at(why, part, test.line));
    failed_ = true;
    if (go == Debugger::Go::quit) return leave_it();
    // Whoever goes on wants what follows, whatever the document says of its first failure.
    if (go != Debugger::Go::again) {
      if (stopped_ && shell_->alive() && stopped_why_.starts_with(fail_fast_words)) stopped_ = false;
      return {};
    }
    debugger.begin_line();
    debugger.set_apart(true);
    failed_ = false;
    Status run = carry_out_case(part, test, number);
    debugger.set_apart(false);
    CHECK_OK(run);
    if (cancelled_) return {};
    why = failed_ ? Stop::Why::failed : Stop::Why::held;
  }
}

Status DocumentRun::leave_it() {
  if (!failed_) cancelled_ = true;
  if (!stopped_) stop(Outcome::not_run, "the test was ended at the prompt");
  return {};
}

Standpoint DocumentRun::standpoint() {
  Standpoint at{environment_, place_.directory};
  if (shell_ == nullptr || !shell_->alive()) return at;
  std::vector<std::string> names;
  for (const auto& [name, value] : environment_)
    if (is_shell_name(name)) names.push_back(name);
  auto values = shell_->values_of(names);
  auto state = shell_->state();
  if (!values.ok() || !state.ok()) return at;
  for (const std::string& name : names) at.environment.erase(name);
  for (auto& [name, value] : values.value()) at.environment[name] = value;
  for (const auto& [name, variable] : state.value().variables) {
    const bool exported = variable.attributes.find('x') != std::string::npos;
    if (exported && variable.kind == ShellVariable::Kind::scalar && !variable.values.empty())
      at.environment[name] = variable.values.front().second;
  }
  if (state.value().directory.starts_with('/')) at.directory = state.value().directory;
  at.environment["PWD"] = at.directory;
  return at;
}

}  // namespace testctr::interpret
