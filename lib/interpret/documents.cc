// The loop over the cases of a document.
#include "interpret/documents.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "interpret/document_run.h"

namespace testctr::interpret {
namespace {

/// What the cases say themselves: the names in it are the document's.
std::string words_of(const std::vector<script::Document>& parts) {
  std::string words;
  for (const script::Document& part : parts) {
    for (const script::Case& test : part.cases) {
      words += test.expression + "\n";
      for (const script::Expectation& line : test.expectations) words += line.text + "\n";
    }
  }
  return words;
}

}  // namespace

Result<Continuation> DocumentRun::go_on(Continuation from) {
  at_ = std::move(from);
  const bool fresh = shell_ == nullptr;
  if (fresh) CHECK_OK(begin());
  set_deadline();
  if (!how_.alone) CHECK_OK(enter(fresh));
  if (session_.setting.at_begin) {
    session_.setting.at_begin(standpoint());
    cancelled_ = true;
    return finish();
  }
  return run();
}

Status DocumentRun::begin() {
  if (!how_.alone) {
    for (const Process& process : Children::left_behind().value_or(std::vector<Process>()))
      before_.insert(process.pid);
    crossing_.emplace(session_, how_, session_.setting.name == "host" ? words_of(parts_) : "");
  }
  place_ = TRY_IN(make_place(document(), session_, how_), "making the document's directories");
  ShellSetting setting;
  setting.program = TRY(shell_program(document(), session_, how_, place_));
  setting.control = place_.control;
  setting.directory = place_.directory;
  setting.one_process = document().dialect == script::Dialect::cram;
  setting.environment = document_environment(document(), session_, how_, place_, setting.program);
  environment_ = setting.environment;
  if (crossing_) setting.environment = crossing_->environment(std::move(setting.environment), at_.state);
  if (setting.one_process && how_.compat == script::Compat::cram)
    cram_.emplace(parts_, setting.program, place_.control, session_.setting.max_output);
  shell_ = TRY(Shell::start(std::move(setting), *session_.children));
  return {};
}

void DocumentRun::set_deadline() {
  total_deadline_ns_ = UINT64_MAX;
  total_ns_ = document().config.total_timeout_ns.value_or(how_.timeout_ns);
  if (total_ns_ > 0)
    total_deadline_ns_ =
        sys::monotonic_ns() + static_cast<uint64_t>(std::max<int64_t>(total_ns_ - at_.state.spent_ns, 0));
}

Status DocumentRun::enter(bool fresh) {
  CHECK_OK(crossing_->enter(*shell_, fresh, at_.state));
  // Where a case has gone itself is its own affair.
  if (!fresh && at_.state.directory.empty()) return {};
  return stays_below();
}

Status DocumentRun::stays_below() {
  if (!session_.setting.guarded || place_.lies_outside) return {};
  const std::vector<pid_t> own = shell_->own();
  if (own.empty()) return {};
  auto where = sys::read_link_at(AT_FDCWD, fmt::format("/proc/{}/cwd", own.front()));
  if (!where.ok()) return {};
  const std::string& work = session_.setting.work;
  if (where.value() == work || where.value().starts_with(work + "/")) return {};
  return Error::infrastructure(fmt::format("the working directory of the document leads out of $WORK, to {}",
                                           text::printable(where.value())))
      .hint("a link below $WORK stands where the document's own folder was");
}

Result<Continuation> DocumentRun::run() {
  size_t number = 0;
  for (size_t part = 0; part < parts_.size(); ++part) {
    for (const script::Case& test : parts_[part].cases) {
      if (++number <= at_.position) continue;
      if (stopped_) {
        tell_cram();
        unfinished_ = true;
        tell_end(part, test, stopped_as_, stopped_why_, std::nullopt, 0);
        continue;
      }
      if (!how_.alone) {
        std::string place = script::place_of(test, document().config.defaults, how_.where);
        if (!place.empty() && place != session_.setting.name) return leave_for(std::move(place));
      }
      CHECK_OK(carry_out_watched(part, test, number));
      if (!stopped_) at_.position = static_cast<uint32_t>(number);
    }
  }
  at_.position = static_cast<uint32_t>(number);
  if (session_.debugger != nullptr && session_.debugger->stepping() && !cancelled_)
    (void)ask(stop_at(Stop::Why::end, at_part_, command_.line));
  tell_cram();
  if (!cancelled_) finish_detached();
  return finish();
}

Result<Continuation> DocumentRun::leave_for(std::string target) {
  tell_cram();
  session_.command = nullptr;
  (void)tell_denials(session_);
  CHECK_OK(crossing_->leave(*shell_, std::exchange(assignments_, {}), at_.state));
  at_.target = std::move(target);
  return std::move(at_);
}

Status DocumentRun::carry_out_case(size_t part, const script::Case& test, size_t number) {
  const script::Document& from = parts_[part];
  const script::CaseConfig config = effective_config(from, test, document().config.defaults, how_.overrides);
  begin_case(part, test);
  const uint64_t started = sys::monotonic_ns();
  if (config.wait) {
    if (std::string problem = wait_for(*config.wait); !problem.empty()) {
      if (cancelled_) return {};
      CHECK_OK(fail_case(part, test, Outcome::error, problem, "", started));
      if (out_of_time()) stop(Outcome::not_run, "the document's time limit was reached");
      return {};
    }
  }
  std::string problem = unusable_name(config);
  if (problem.empty()) problem = unusable_input(config, session_);
  if (!problem.empty()) return fail_case(part, test, Outcome::error, problem, "", started);
  CaseOrder order = TRY(order_for(from, test, config));
  if (cram_) order.expression = cram_->expression(part, test);
  if (config.detached.value_or(false)) {
    Detached process = TRY(shell_->detach(order, number));
    detached_.push_back({&from, &test, part, number, config, process, started});
    session_.note("[detached]");
    return {};
  }
  if (!shell_->alive()) return Error::internal("a case without a shell");
  CaseEnd end = TRY(shell_->run(order));
  for (const std::string& note : shell_->take_notes()) session_.log(note);
  if (end.how == CaseEnd::How::cancelled) {
    cancelled_ = true;
    stop(Outcome::not_run, "interrupted");
    return {};
  }
  return conclude(part, test, config, end, started);
}

void DocumentRun::begin_case(size_t part, const script::Case& test) {
  if (session_.setting.at_line) session_.setting.at_line(test.line);
  command_.line = test.line;
  session_.command = &command_;
  Event event;
  event.kind = Event::Kind::command;
  event.line = test.line;
  event.file = file_of(part);
  event.text = test.expression;
  session_.events.take(event);
}

std::string DocumentRun::wait_for(const script::Wait& wait) {
  const uint64_t until =
      std::min(sys::monotonic_ns() + static_cast<uint64_t>(wait.timeout_ns), total_deadline_ns_);
  if (wait.path.empty()) {
    cancelled_ = session_.children->wait_until(until) == Pause::cancelled;
    return cancelled_ ? "interrupted" : "";
  }
  const std::string path = wait.path.starts_with('/') ? wait.path : place_.temporary + "/" + wait.path;
  for (;;) {
    if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return "";
    const uint64_t now = sys::monotonic_ns();
    if (now >= until) {
      return fmt::format("{} did not appear within {}", text::printable(session_.masked(path)),
                         text::format_duration(wait.timeout_ns));
    }
    if (session_.children->wait_until(std::min(until, now + look_interval_ns)) == Pause::cancelled) {
      cancelled_ = true;
      return "interrupted";
    }
  }
}

Result<CaseOrder> DocumentRun::order_for(const script::Document& from, const script::Case& test,
                                         const script::CaseConfig& config) {
  CaseOrder order;
  order.expression = test.expression;
  order.stream = *config.stream;
  order.place = fmt::format("{}:{}", from.name, test.line);
  order.environment = config.environment;
  order.assignments = std::exchange(assignments_, {});
  if (config.input) {
    order.input = place_.control + "/stdin";
    if (config.input->is_file) {
      order.input = input_path(*config.input, session_);
    } else {
      CHECK_OK(sys::write_file_at(AT_FDCWD, order.input, config.input->text));
    }
  }
  const int64_t limit = config.timeout_ns.value_or(session_.setting.case_timeout_ns);
  order.deadline_ns = total_deadline_ns_;
  if (limit > 0)
    order.deadline_ns = std::min(order.deadline_ns, sys::monotonic_ns() + static_cast<uint64_t>(limit));
  return order;
}

void DocumentRun::stop(Outcome as, std::string why) {
  stopped_ = true;
  stopped_as_ = as;
  stopped_why_ = std::move(why);
}

Result<std::unique_ptr<OpenDocument>> open_document(const std::vector<script::Document>& parts, size_t main,
                                                    Session& session, const DocumentSetting& how) {
  if (parts.empty() || main >= parts.size()) return Error::internal("no document to carry out");
  return std::unique_ptr<OpenDocument>(std::make_unique<DocumentRun>(parts, main, session, how));
}

Result<Continuation> carry_out(const std::vector<script::Document>& parts, size_t main, Continuation from,
                               const Setting& setting, const DocumentSetting& how, EventSink& events) {
  Children::Options options{setting.work, setting.max_output, setting.cancel_fd};
  Session session(setting, events, TRY(Children::create(std::move(options))));
  auto document = TRY(open_document(parts, main, session, how));
  return document->go_on(std::move(from));
}

}  // namespace testctr::interpret
