#include "run/test_run.h"

#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "run/artifacts.h"
#include "run/untold_cases.h"

namespace testctr::run {
namespace {

constexpr uint64_t watch_pause_ns = 10'000'000;
constexpr uint64_t finish_patience_ns = 30'000'000'000;
constexpr int heard_at_once = 64;

}  // namespace

Verdict error_verdict(const Error& error) {
  return {Outcome::error, error.full(), std::string(to_string(error.fault()))};
}

Verdict verdict_of_test(const plan::Job& job, Verdict verdict, uint32_t attempt) {
  if (job.xfail && (verdict.outcome == Outcome::fail || verdict.outcome == Outcome::pass))
    return {verdict.outcome == Outcome::fail ? Outcome::xfail : Outcome::xpass, *job.xfail, ""};
  if (verdict.outcome == Outcome::pass && attempt > 0) verdict.outcome = Outcome::flaky;
  return verdict;
}

namespace {

/// What may end otherwise the next time.
bool is_worth_another(const plan::Job& job, const Verdict& verdict) {
  return !job.xfail && (verdict.outcome == Outcome::fail ||
                        (verdict.outcome == Outcome::error && verdict.fault == "infrastructure"));
}

}  // namespace

TestRun::TestRun(const plan::Job& job, uint32_t index, uint32_t attempt, const Provision& provision,
                 const Machine& machine, EventSink& events, uint64_t run_start_ns)
    : job_(job),
      index_(index),
      attempt_(attempt),
      provision_(provision),
      stamper_(events, index, run_start_ns, attempt),
      machine_(machine) {
  started_ns_ = sys::monotonic_ns();
}

// What its lines may do, and who carries them out: known before anything begins.
Status TestRun::settle_places() {
  if (pod_) return {};
  scope_ = TRY(Scope::of(job_));
  pod_ = std::make_unique<Pod>(job_, *scope_, provision_, machine_, stamper_,
                               fmt::format("{}-{}-{}", ::getpid(), started_ns_, index_));
  return {};
}

void TestRun::make_ready() {
  if (!machine_.engine.starts_ahead() || machine_.terminal != nullptr || !settle_places().ok()) return;
  if (scope_->several() || scope_->first_place(0) != plan::default_place) return;
  // What goes wrong is found, and told, when the test begins.
  (void)pod_->enter(plan::default_place, nullptr);
}

void TestRun::begin() {
  started_ns_ = watched_ns_ = sys::monotonic_ns();
  if (provision_.tree != nullptr) generation_of_tree_ = provision_.tree->generation();
  deadline_ns_ = started_ns_ + static_cast<uint64_t>(job_.limits.script_timeout_ns);
  Event event;
  event.kind = Event::Kind::script_started;
  event.text = job_.name;
  event.detail = job_.pinned(job_.image);
  if (job_.file != job_.name) event.file = job_.file;
  stamper_.take(event);
  if (!job_.image.empty())
    for (const std::string& lack : machine_.engine.lacks()) stamper_.log(lack);
  for (const std::string& note : notes_of(provision_)) stamper_.log(note);
  if (const Status settled = settle_places(); !settled.ok()) return end(error_verdict(settled.error()));
  if (machine_.terminal != nullptr && machine_.terminal->at() == ShellAt::begin &&
      scope_->first_place(0) == plan::host_place)
    return fail_with(Error::usage("the test begins with lines on the host: there is no container before them")
                         .hint("`testctr-script replay --shell` opens a shell at the line that fails"));
  if (Status started = pod_->start_services(); !started.ok()) return fail_with(started.error());
  Continuation first;
  first.target = scope_->first_place(0);
  waiting_ = std::move(first);
  turn(sys::monotonic_ns());
}

// Hands it to the place that it names.
void TestRun::go_on(Continuation continuation) {
  const std::string target = continuation.target;
  from_ = continuation;
  const plan::Step& step = scope_->step(continuation.step);
  Member* known = nullptr;
  for (Member& member : pod_->members()) {
    if (member.what.name == target) known = &member;
  }
  const bool fresh = known == nullptr || !known->told.contains(continuation.step);
  const uint64_t now = sys::monotonic_ns();
  if (continuation.position == 0) step_started_ns_ = now;
  continuation.state.spent_ns = static_cast<int64_t>(now - step_started_ns_);
  Order order = make_order(job_, step, provision_, std::move(continuation), fresh);
  order.last = !scope_->several();
  order.stepping = std::exchange(stepping_, false);
  if (target == plan::host_place) order.definitions = std::exchange(definitions_, {});
  if (order.from.state.line == UINT32_MAX) order.from.state.line = 0;
  auto entered = pod_->enter(target, &order);
  if (!entered.ok()) return fail_with(entered.error());
  leader_ = entered.value();
  if (order.last) leader_->place->expect(artifacts_of(job_, attempt_));
  leader_->told.insert(order.from.step);
  if (scope_->steps() > 1) stamper_.set_file(step.file);
}

void TestRun::poll_into(std::vector<pollfd>& descriptors) const {
  if (!pod_) return;
  for (const Member& member : pod_->members()) {
    if (member.place && !member.finished)
      descriptors.push_back({member.place->descriptor(), member.place->wanted(), 0});
  }
  if (in_shell() && shell_->place && shell_->place->shell_room() > 0 && machine_.terminal->descriptor() >= 0)
    descriptors.push_back({machine_.terminal->descriptor(), POLLIN, 0});
}

void TestRun::advance() {
  relay_input();
  for (Member& member : pod_->members()) {
    for (int i = 0; i < heard_at_once && member.place && !member.finished && !over_; ++i) {
      stamper_.set_place(member.what.name, &member == leader_);
      auto said = member.place->advance(stamper_);
      if (!said.ok()) {
        lose(member, said.error());
        break;
      }
      if (!said.value()) break;
      take(member, *std::move(said).value());
    }
    if (over_) return;
  }
  turn(sys::monotonic_ns());
}

void TestRun::take(Member& from, Said said) {
  switch (said.kind) {
    case Said::Kind::carried_out:
      return take_result(from, std::move(said.continuation));
    case Said::Kind::request: {
      Status taken = pod_->take_request(from, said.id, said.request);
      if (!taken.ok()) fail_with(taken.error());
      return;
    }
    case Said::Kind::answer:
      return pod_->take_answer(from, said.id, said.reply);
    case Said::Kind::log:
      return pod_->take_log(from, said.text);
    case Said::Kind::service_ended:
      return pod_->take_service_end(from, said.status);
    case Said::Kind::shell_opened:
      return open_shell(from, said);
    case Said::Kind::shell_printed:
      if (&from == shell_) machine_.terminal->write(said.text);
      return;
    case Said::Kind::shell_ended:
      if (&from == shell_) shell_ended();
      return;
    case Said::Kind::prompt_opened:
    case Said::Kind::prompt_asks:
    case Said::Kind::prompt_shell:
    case Said::Kind::prompt_back:
    case Said::Kind::prompt_closed:
      return take_prompt(from, said);
    case Said::Kind::shell_refused:
      machine_.terminal->say(said.text);
      if (machine_.terminal->at() != ShellAt::failure) fail_with(Error::infrastructure(said.text));
      return;
    case Said::Kind::finished:
      if (!concluded_ || to_finish_.empty() || to_finish_.back() != &from)
        return fail_with(Error::infrastructure(
            fmt::format("{} ended before the test did", text::printable(from.what.name))));
      if (said.outcome == Outcome::fail && concluded_->outcome != Outcome::fail) {
        concluded_->outcome = Outcome::fail;
        concluded_->reason.clear();
      }
      from.finished = true;
      to_finish_.pop_back();
      return finish_next();
  }
}

void TestRun::take_result(Member& from, Continuation said) {
  if (&from != leader_)
    return fail_with(Error::infrastructure(
        fmt::format("{} spoke when it was not asked", text::printable(from.what.name))));
  auto accepted = scope_->accept(from_, std::move(said), from.what.name);
  if (!accepted.ok()) return fail_with(accepted.error());
  Continuation& next = accepted.value();
  if (from.what.name != plan::host_place) {
    for (std::string& expression : scope_->expressions(from_.step, from_.position, next.position))
      definitions_.push_back(std::move(expression));
  }
  if (next.done) return conclude(next.outcome, next.reason);
  if (next.target != from.what.name || next.state.line != UINT32_MAX) return go_on(std::move(next));
  from_ = std::move(next);
  next_step();
}

// The lines of a step have all been carried out.
void TestRun::next_step() {
  // Cases that have failed let a document go on, but not a test.
  if (stamper_.failed()) return conclude(Outcome::fail, "");
  Continuation next = std::move(from_);
  ++next.step;
  if (next.step >= scope_->steps()) return conclude(Outcome::pass, "");
  next.position = 0;
  next.extracted = false;
  next.state.line = 0;
  next.state.phase.clear();
  next.state.targets.clear();
  next.target = scope_->first_place(next.step);
  go_on(std::move(next));
}

// The test has its outcome, but for what still runs in the background of its places.
void TestRun::conclude(Outcome outcome, std::string reason) {
  if (has_prompt()) {
    // Who goes on behind a failure has not undone it; who leaves before one has not seen whether it passes.
    if (stamper_.failed() && outcome != Outcome::error) outcome = Outcome::fail;
    if (outcome == Outcome::not_run) {
      outcome = Outcome::skip;
      reason = "it was ended at the prompt";
    }
  }
  concluded_ = Verdict{outcome, std::move(reason), ""};
  if (!scope_->several()) return settle();
  // What was put off has its time limit, too, each command for itself.
  const uint64_t deferred = scope_->deferred() * static_cast<uint64_t>(job_.limits.case_timeout_ns);
  finish_deadline_ns_ = sys::monotonic_ns() + finish_patience_ns + deferred;
  for (Member& member : pod_->members()) {
    if (member.place && !member.what.service) to_finish_.push_back(&member);
  }
  // Files come out of one place: $WORK is the same in all.
  for (Member* member : to_finish_) {
    const bool container = member->what.name != plan::host_place;
    if (sender_ == nullptr || (container && sender_->what.name == plan::host_place)) sender_ = member;
  }
  if (sender_ != nullptr) sender_->place->expect(artifacts_of(job_, attempt_));
  finish_next();
}

void TestRun::finish_next() {
  while (!to_finish_.empty()) {
    Member& member = *to_finish_.back();
    if (member.place) {
      (void)member.place->end(concluded_->outcome, &member == sender_);
      leader_ = &member;
      return;
    }
    to_finish_.pop_back();
  }
  settle();
}

// A place is gone, or has said what it must not say.
void TestRun::lose(Member& member, const Error& error) {
  const bool by_itself = member.place->ended();
  if (concluded_ && !scope_->several()) return settle();
  if (member.what.service && &member != leader_ && (by_itself || member.place->reported())) {
    // A service that has died is the affair of who uses it.
    pod_->take_end(member, by_itself ? Error::infrastructure("its container is gone") : error);
    stamper_.log(fmt::format("{}: {}", member.what.name, member.gone->message()));
    return;
  }
  if (!by_itself) return fail_with(error);
  // The reason why the place ended says more than that its channel did.
  member.ending = member.place->finish();
  member.place.reset();
  const PlaceEnding ending = member.ending;
  if (ending.limit_struck) {
    stamper_.fail(ending.error->message(), ending.error->hint());
    pod_->tell_logs();
    return end({Outcome::fail, ending.error->message(), ""});
  }
  fail_with(ending.error ? *ending.error : error);
}

void TestRun::turn(uint64_t now_ns) {
  if (over_) return;
  // Not at each event: a look takes longer than a short command.
  if (now_ns - watched_ns_ >= watch_pause_ns) {
    for (Member& member : pod_->members()) {
      if (member.place) member.place->watch();
    }
    watched_ns_ = now_ns;
  }
  relay_input();
  if (!in_shell() && now_ns >= deadline_ns_) return time_out();
  if (!in_shell() && concluded_ && scope_->several() && now_ns >= finish_deadline_ns_)
    return fail_with(Error::infrastructure("a place did not come to its end"));
  pod_->turn(now_ns);
  if (!waiting_) return;
  auto ready = pod_->services_ready();
  if (!ready.ok()) return fail_with(ready.error());
  if (!ready.value()) return;
  Continuation first = *std::move(waiting_);
  waiting_.reset();
  go_on(std::move(first));
}

uint64_t TestRun::next_turn_ns() const {
  uint64_t next = in_shell() ? UINT64_MAX : deadline_ns_;
  if (pod_) next = std::min(next, pod_->next_turn_ns());
  if (!in_shell() && concluded_ && finish_deadline_ns_ != 0) next = std::min(next, finish_deadline_ns_);
  return next;
}

void TestRun::time_out() {
  if (leader_ != nullptr && leader_->place && !scope_->several()) {
    auto last = leader_->place->advance(stamper_);
    if (last.ok() && last.value() && last.value()->kind == Said::Kind::carried_out)
      return take_result(*leader_, std::move(last.value()->continuation));
  }
  const std::string limit = text::format_duration(job_.limits.script_timeout_ns);
  const std::string reason = fmt::format("the script's time limit of {} was reached", limit);
  stamper_.fail(reason, "--timeout DURATION allows more");
  pod_->tell_logs();
  end({Outcome::fail, reason, ""});
}

void TestRun::stop(const Verdict& verdict) {
  // Who ends the run at the prompt knows why: the line that has failed.
  if (has_prompt() && stamper_.failed()) return end({Outcome::fail, "", ""});
  end(verdict);
}

void TestRun::fail_with(const Error& error) {
  if (pod_) pod_->tell_logs();
  end(error_verdict(error));
}

namespace {

void add_left(const Member& member, Leftovers& all, size_t& named) {
  const image::Left& left = member.ending.left;
  all.count += left.count;
  all.more = all.more || left.more;
  for (const std::string& path : left.paths) {
    if (named++ >= most_leftovers_named) return;
    const size_t space = path.find(' ');
    for (const std::string& part : {path.substr(0, space), member.what.name, path.substr(space + 1)})
      (all.paths += part) += '\0';
  }
}

}  // namespace

// What all places together used, and what limits struck in the one that led last. @param by_force they have
// not all come to their end: what is left is killed
PlaceEnding TestRun::joint_ending(bool by_force) {
  PlaceEnding joint;
  if (!pod_) return joint;
  pod_->finish(by_force);
  for (Member& member : pod_->members()) {
    PlaceEnding& one = member.ending;
    joint.peak_memory += one.peak_memory;
    joint.cpu_ns += one.cpu_ns;
    if (!one.limit_reached.empty()) stamper_.log(one.limit_reached);
    joint.limit_refused = joint.limit_refused || one.limit_refused;
    if (!joint.lost) joint.lost = one.lost;
    if (member.what.service || by_force || !one.error || joint.error) continue;
    joint.error = one.error;
    joint.limit_struck = one.limit_struck;
  }
  return joint;
}

// The script has been carried out: its verdict, as far as it can be believed.
void TestRun::settle() {
  Verdict verdict = *concluded_;
  if (verdict.outcome == Outcome::fail) pod_->tell_logs();
  if (verdict.outcome == Outcome::pass) pod_->tell_ended();
  // The tree is looked through while the containers take themselves down.
  const bool changed = verdict.outcome == Outcome::pass && provision_.tree != nullptr &&
                       !provision_.tree->same_since(generation_of_tree_);
  // The folder is there for as long as it is open.
  if (job_.setup && verdict.outcome == Outcome::pass && leader_ != nullptr && leader_->place)
    changes_ = leader_->place->changes();
  const PlaceEnding ending = joint_ending(/*by_force=*/false);
  if (ending.limit_struck) {
    stamper_.fail(ending.error->message(), ending.error->hint());
    return tell_end({Outcome::fail, ending.error->message(), ""}, ending);
  }
  if (ending.error) return tell_end(error_verdict(*ending.error), ending);
  // A verdict is believed only where it agrees with what was seen on the way.
  if (stamper_.failed() && verdict.outcome != Outcome::fail && verdict.outcome != Outcome::error) {
    verdict = error_verdict(
        Error::infrastructure("the container reported a failing line and then another verdict"));
  }
  if (verdict.outcome == Outcome::pass && changed) {
    verdict = error_verdict(
        Error::infrastructure(fmt::format("{} changed while the script ran", provision_.tree->tree().root))
            .hint("what the script saw of it may be old or new; `--retries 1` tries what is so again"));
  }
  if (ending.lost && (verdict.outcome == Outcome::pass || verdict.outcome == Outcome::skip))
    verdict = error_verdict(*ending.lost);
  // A command that could not start a process reports a failure of its own, which a `!` takes for the one that
  // it is about.
  if (ending.limit_refused && (verdict.outcome == Outcome::pass || verdict.outcome == Outcome::skip)) {
    const std::string reason = "a command was refused a process: the container was at its limit";
    stamper_.fail(reason, "--pids N allows more");
    verdict = {Outcome::fail, reason, ""};
  }
  tell_end(verdict, ending);
}

void TestRun::end(const Verdict& verdict) {
  if (!over_) tell_end(verdict, joint_ending(/*by_force=*/true));
}

// The path stands in every report.
void TestRun::tell_kept(Outcome outcome) {
  const bool failed = outcome == Outcome::fail || outcome == Outcome::error;
  if (!job_.keep || (!failed && !job_.keep->always)) return;
  const std::string folder = kept_in(*job_.keep, attempt_);
  const auto found = sys::stat_at(AT_FDCWD, folder);
  const bool is = found.ok() && found.value();
  stamper_.log(is ? fmt::format("kept: $WORK is in {}", folder) : "kept: nothing, no file came out of $WORK");
}

void TestRun::tell_end(const Verdict& of_attempt, const PlaceEnding& ending) {
  if (over_) return;
  over_ = true;
  shell_ended();
  // Who has stood at the failure has seen it; and a run that is ended there tries nothing again.
  again_ = !has_prompt() && attempt_ < job_.retries && is_worth_another(job_, of_attempt);
  const Verdict verdict = again_ ? of_attempt : verdict_of_test(job_, of_attempt, attempt_);
  outcome_ = verdict.outcome;
  if (ending.lost && verdict.outcome != Outcome::error) stamper_.log(ending.lost->message());
  tell_kept(of_attempt.outcome);
  tell_untold_cases(job_, of_attempt.outcome, of_attempt.reason, stamper_);
  Event event;
  event.kind = Event::Kind::script_ended;
  event.last = !again_;
  event.outcome = verdict.outcome;
  event.text = verdict.reason;
  event.detail = verdict.fault;
  event.line = stamper_.line();
  event.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - started_ns_ - held_ns_);
  event.peak_memory = ending.peak_memory;
  event.cpu_ns = static_cast<int64_t>(ending.cpu_ns);
  if (pod_) {
    size_t named = 0;
    for (const Member& member : pod_->members()) add_left(member, event.left, named);
  }
  stamper_.take(event);
}

}  // namespace testctr::run
