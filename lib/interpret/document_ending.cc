// The end of a document: what ran beside it is judged, and what it has started is gone.
#include "interpret/document_run.h"

#include <algorithm>
#include <csignal>

#include "base/text.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t kill_patience_ns = 5'000'000'000;

}  // namespace

bool DocumentRun::end() {
  if (over_) return true;
  const bool failed_before = std::exchange(failed_, false);
  finish_detached();
  close();
  const bool well = !failed_;
  failed_ = failed_ || failed_before;
  return well;
}

void DocumentRun::finish_detached() {
  stop_detached(detached_, *session_.children, place_.control);
  for (Beside& beside : detached_) judge_detached(beside);
}

void DocumentRun::judge_detached(Beside& beside) {
  command_.line = beside.test->line;
  CaseEnd end;
  bool over = false;
  for (auto [source, target] :
       {std::pair{beside.process.out, &end.out}, std::pair{beside.process.err, &end.err}}) {
    if (source == nullptr) continue;
    (void)session_.children->drain_now(*source);
    over = over || source->overflow;
    *target = std::exchange(source->buffer, OutputBuffer(place_.control));
    session_.children->discard(source);
  }
  auto output = output_of(beside.part, beside.config, end);
  if (!output.ok()) {
    (void)fail_case(beside.part, *beside.test, Outcome::error, output.error().message(), "",
                    beside.started_ns);
    return;
  }
  if (over) {
    (void)fail_case(beside.part, *beside.test, Outcome::error, overflow_text(), overflow_hint,
                    beside.started_ns);
    return;
  }
  const std::optional<int> code = beside.process.status;
  // One that still ran was ended by us: only what it was to print can be held against it. A server that
  // nothing is expected of may print what it likes.
  const bool says_nothing = beside.test->expectations.empty();
  if (!code && beside.test->code) {
    (void)fail_case(
        beside.part, *beside.test, Outcome::fail,
        fmt::format("it still ran at the document's end, expected exit status {}", beside.test->code->value),
        "", beside.started_ns);
    return;
  }
  if (says_nothing) output.value().compared = {};
  CaseView view{*beside.document, *beside.test, beside.config, how_.compat, nullptr};
  const std::string described = code ? fmt::format("exit status {}", *code) : "";
  auto verdict = judge_case(view, output.value(), code, described);
  if (!verdict.ok()) {
    (void)fail_case(beside.part, *beside.test, Outcome::error, verdict.error().message(), "",
                    beside.started_ns);
    return;
  }
  if (!verdict.value().passed) {
    failed_ = true;
    std::string shown = shown_stream(beside.config, verdict.value().failure);
    tell_failure(beside.part, *beside.test, verdict.value().line, std::move(verdict.value().failure),
                 std::move(shown));
  }
  tell_end(beside.part, *beside.test, verdict.value().passed ? Outcome::pass : Outcome::fail, "", code,
           beside.started_ns);
}

Result<Continuation> DocumentRun::finish() {
  Continuation end;
  end.position = at_.position;
  end.state.line = at_.state.line;
  end.done = true;
  end.outcome = failed_ ? Outcome::fail : Outcome::pass;
  if (cancelled_) {
    end.outcome = Outcome::not_run;
    end.reason = "interrupted";
  } else if (!failed_ && stopped_ && (unfinished_ || stopped_as_ == Outcome::skip)) {
    // A document of which something was not run has not passed.
    end.outcome = stopped_as_ == Outcome::skip ? Outcome::skip : Outcome::fail;
    end.reason = stopped_why_;
    if (end.outcome == Outcome::fail) {
      Failure failure;
      failure.reason = stopped_why_;
      session_.events.take(failure_event(session_, "", command_.line, std::move(failure), ""));
    }
  }
  session_.command = nullptr;
  if (!how_.alone && end.outcome == Outcome::pass) {
    // Others go on from here.
    if (shell_->alive()) CHECK_OK(crossing_->leave(*shell_, std::exchange(assignments_, {}), at_.state));
    at_.target = session_.setting.name;
    close();
    return std::move(at_);
  }
  close();
  return end;
}

void DocumentRun::close() {
  over_ = true;
  if (shell_ == nullptr) return;
  std::vector<pid_t> own = shell_->own();
  const std::set<pid_t> spared = others(own);
  own.insert(own.end(), spared.begin(), spared.end());
  if (std::string names = cancelled_ ? "" : left_behind(own, detached_); !names.empty())
    session_.log("left behind by the document and killed: " + names);
  shell_.reset();
  if (how_.alone) {
    session_.children->kill_all();
  } else {
    kill_all_but(spared);
  }
  if (place_.lies_outside) {
    // Nobody writes into it any more.
    if (Status gone = sys::remove_tree(place_.temporary); !gone.ok())
      session_.log(fmt::format("the temporary directory stays: {}", gone.error().message()));
  }
  (void)tell_denials(session_);
}

std::set<pid_t> DocumentRun::others(const std::vector<pid_t>& own) const {
  std::set<pid_t> pids;
  if (how_.alone) return pids;
  pids = before_;
  for (pid_t pid : session_.children->running()) {
    if (std::find(own.begin(), own.end(), pid) == own.end()) pids.insert(pid);
  }
  return pids;
}

void DocumentRun::kill_all_but(std::set<pid_t> spared) {
  const uint64_t until = sys::monotonic_ns() + kill_patience_ns;
  // Killing and forking race; what was missed is found in the next round.
  while (sys::monotonic_ns() < until) {
    bool any = false;
    for (const Process& process : Children::left_behind().value_or(std::vector<Process>())) {
      if (spared.contains(process.pid) || spared.contains(process.parent)) {
        spared.insert(process.pid);
        continue;
      }
      any = ::kill(process.pid, SIGKILL) == 0 || any;
    }
    if (!any) return;
    (void)session_.children->wait_until(sys::monotonic_ns() + look_interval_ns / 5);
  }
}

}  // namespace testctr::interpret
