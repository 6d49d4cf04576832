#include "run/run.h"

#include <poll.h>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/interpreter.h"
#include "run/native_place.h"
#include "run/prepare.h"

namespace testctr::run {
namespace {

constexpr int64_t watch_interval_ns = 50'000'000;
constexpr uint64_t watch_pause_ns = 10'000'000;

// Stamps what comes from a place, and remembers what a verdict must agree with.
class Stamper : public EventSink {
 public:
  Stamper(EventSink& sink, uint32_t script, uint64_t run_start_ns)
      : sink_(sink), script_(script), run_start_ns_(run_start_ns) {}

  void take(const Event& event) override {
    if (event.kind == Event::Kind::command) {
      line_ = event.line;
      file_ = event.file;
      command_ = event.text;
    }
    if (event.kind == Event::Kind::failure) failed_ = true;
    if (event.kind == Event::Kind::case_ended) {
      if (event.outcome == Outcome::pass) ++cases_passed_;
      if (event.outcome == Outcome::fail || event.outcome == Outcome::error) failed_ = true;
    }
    Event stamped = event;
    stamped.script = script_;
    stamped.place = place_;
    stamped.sequence = sequence_++;
    stamped.time_ns = static_cast<int64_t>(sys::monotonic_ns() - run_start_ns_);
    sink_.take(stamped);
  }
  void log(std::string text) {
    Event event;
    event.kind = Event::Kind::log;
    event.text = std::move(text);
    take(event);
  }
  /// A failure that the outside saw: at the line that was being carried out.
  void fail(std::string reason, std::string hint) {
    Event event;
    event.kind = Event::Kind::failure;
    event.line = line_;
    event.file = file_;
    event.failure.command = command_;
    event.failure.reason = std::move(reason);
    event.failure.hint = std::move(hint);
    take(event);
  }
  [[nodiscard]] uint32_t line() const { return line_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] size_t cases_passed() const { return cases_passed_; }

 private:
  EventSink& sink_;
  uint32_t script_;
  uint64_t run_start_ns_;
  uint64_t sequence_ = 0;
  std::string place_ = "container";
  uint32_t line_ = 0;
  std::string file_, command_;
  bool failed_ = false;
  size_t cases_passed_ = 0;
};

struct Verdict {
  Outcome outcome = Outcome::pass;
  std::string reason;
  std::string fault;  // of an error
};

Verdict error_verdict(const Error& error) {
  return {Outcome::error, error.full(), std::string(to_string(error.fault()))};
}

// What is wrong with a script is said before anything is unpacked or started for it.
Result<Provision> provide_for(Provisions& provisions, const plan::Job& job) {
  if (job.error) return *job.error;
  if (job.format == plan::Format::script)
    CHECK_OK(interpret::check(TRY(script::parse(job.name, job.source))));
  return provisions.provide(job);
}

// One script while it runs.
struct Attempt {
  Attempt(EventSink& sink, uint32_t job, uint64_t run_start_ns)
      : stamper(sink, job, run_start_ns), index(job) {}
  Stamper stamper;
  uint32_t index;
  std::unique_ptr<Place> place;
  const image::Tree* tree = nullptr;
  uint64_t started_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t watched_ns = 0;  // when its limits were looked at, or when it started
};

class Runner {
 public:
  Runner(const plan::Plan& plan, EventSink& events, const Options& options)
      : plan_(plan), events_(events), options_(options) {}

  Result<Summary> run() {
    program_ = TRY(sys::self_path());
    auto store = TRY(image::Store::open(options_.store));
    Provisions provisions(store);
    // Everything once and before any container runs: unpacking uses threads, and a container is started by a
    // process that has none.
    if (plan_.timeout_ns > 0) run_deadline_ns_ = start_ns_ + static_cast<uint64_t>(plan_.timeout_ns);
    for (const auto& job : plan_.jobs) {
      if (stop_wanted()) break;
      provided_.push_back(provide_for(provisions, job));
    }
    if (options_.note) {
      for (const auto& note : store.notes()) options_.note(note);
    }
    memory_ = default_memory(plan_.parallel);
    while (!stopping_ && (next_ < plan_.jobs.size() || !active_.empty())) {
      fill();
      if (!active_.empty()) wait();
    }
    for (; next_ < plan_.jobs.size(); ++next_) not_run(static_cast<uint32_t>(next_));
    return summary_;
  }

 private:
  // Asked between two images; a single one is loaded to its end.
  bool stop_wanted() {
    pollfd stop{options_.stop_fd, POLLIN, 0};
    summary_.interrupted = options_.stop_fd >= 0 && ::poll(&stop, 1, 0) > 0;
    summary_.timed_out =
        !summary_.interrupted && run_deadline_ns_ != 0 && sys::monotonic_ns() >= run_deadline_ns_;
    stopping_ = summary_.interrupted || summary_.timed_out;
    return stopping_;
  }

  void fill() {
    while (next_ < plan_.jobs.size() && active_.size() < std::max(1U, plan_.parallel))
      start(static_cast<uint32_t>(next_++));
  }

  void start(uint32_t index) {
    const plan::Job& job = plan_.jobs[index];
    auto attempt = std::make_unique<Attempt>(events_, index, start_ns_);
    attempt->started_ns = attempt->watched_ns = sys::monotonic_ns();
    attempt->deadline_ns = attempt->started_ns + static_cast<uint64_t>(job.limits.script_timeout_ns);
    Event event;
    event.kind = Event::Kind::script_started;
    event.text = job.name;
    event.detail = job.image;
    attempt->stamper.take(event);
    const auto& provided = provided_[index];
    if (!provided.ok()) return end(*attempt, error_verdict(provided.error()));
    attempt->tree = provided.value().tree;
    for (const auto& note : notes_of(provided.value())) attempt->stamper.log(note);
    auto place = start_native_place(make_spec(job, provided.value(), program_, memory_),
                                    make_assignment(job, provided.value()));
    if (!place.ok()) return end(*attempt, error_verdict(place.error()));
    attempt->place = std::move(place).value();
    active_.push_back(std::move(attempt));
  }

  void wait() {
    std::vector<pollfd> descriptors;
    for (const auto& attempt : active_)
      descriptors.push_back({attempt->place->descriptor(), attempt->place->wanted(), 0});
    if (options_.stop_fd >= 0) descriptors.push_back({options_.stop_fd, POLLIN, 0});
    int ready = ::poll(descriptors.data(), descriptors.size(), timeout_ms());
    if (ready > 0) {
      std::vector<Attempt*> to_advance;
      for (size_t i = 0; i < active_.size(); ++i) {
        if (descriptors[i].revents != 0) to_advance.push_back(active_[i].get());
      }
      for (Attempt* attempt : to_advance) advance(*attempt);
      if (options_.stop_fd >= 0 && descriptors.back().revents != 0) return stop(/*interrupted=*/true);
    }
    uint64_t now = sys::monotonic_ns();
    if (run_deadline_ns_ != 0 && now >= run_deadline_ns_) return stop(/*interrupted=*/false);
    std::vector<Attempt*> late;
    for (const auto& attempt : active_) {
      // Not at each event: a look takes longer than a short command.
      if (now - attempt->watched_ns >= watch_pause_ns) {
        attempt->place->watch();
        attempt->watched_ns = now;
      }
      if (now >= attempt->deadline_ns) late.push_back(attempt.get());
    }
    for (Attempt* attempt : late) time_out(*attempt);
  }

  int timeout_ms() const {
    uint64_t now = sys::monotonic_ns();
    uint64_t until = now + watch_interval_ns;
    for (const auto& attempt : active_) until = std::min(until, attempt->deadline_ns);
    if (run_deadline_ns_ != 0) until = std::min(until, run_deadline_ns_);
    return until <= now ? 0 : static_cast<int>((until - now) / 1'000'000 + 1);
  }

  void advance(Attempt& attempt) {
    auto progress = attempt.place->advance(attempt.stamper);
    if (progress.ok() && !progress.value()) return;
    const bool by_itself = attempt.place->ended();
    if (!progress.ok() && !by_itself) attempt.place->kill();
    settle(attempt, std::move(progress), by_itself);
  }

  // Whether the tree is no longer what it was when a script that passed was given it.
  static bool tree_changed(const Attempt& attempt, const Result<std::optional<Continuation>>& progress) {
    return progress.ok() && progress.value() && progress.value()->outcome == Outcome::pass &&
           attempt.tree != nullptr && !image::same_tree(*attempt.tree);
  }

  void settle(Attempt& attempt, Result<std::optional<Continuation>> progress, bool by_itself) {
    // The script has been carried out: the tree is looked through while the container takes itself down.
    const bool changed = tree_changed(attempt, progress);
    const PlaceEnding ending = attempt.place->finish();
    if (!ending.limit_reached.empty()) attempt.stamper.log(ending.limit_reached);
    if (progress.ok() && !ending.error) {
      Continuation& continuation = *progress.value();
      Verdict verdict{continuation.outcome, continuation.reason, ""};
      if (!continuation.done) verdict = error_verdict(Error::internal("the script stopped in the middle"));
      // A verdict is believed only where it agrees with what was seen on the way.
      if (attempt.stamper.failed() && verdict.outcome != Outcome::fail && verdict.outcome != Outcome::error) {
        verdict = error_verdict(
            Error::infrastructure("the container reported a failing line and then another verdict"));
      }
      if (verdict.outcome == Outcome::pass && changed) {
        verdict = error_verdict(
            Error::infrastructure(fmt::format("{} changed while the script ran", attempt.tree->root))
                .hint("what the script saw of it may be old or new; run it again"));
      }
      // A command that could not start a process reports a failure of its own, which a `!` takes for the one
      // that it is about.
      if (ending.limit_refused && (verdict.outcome == Outcome::pass || verdict.outcome == Outcome::skip)) {
        const std::string reason = "a command was refused a process: the container was at its limit";
        attempt.stamper.fail(reason, "--pids N allows more");
        verdict = {Outcome::fail, reason, ""};
      }
      return end(attempt, verdict, ending);
    }
    if (ending.limit_struck) {
      attempt.stamper.fail(ending.error->message(), ending.error->hint());
      return end(attempt, {Outcome::fail, ending.error->message(), ""}, ending);
    }
    // The reason why the place ended says more than that its channel did, unless we ended it for what it
    // said.
    const bool place_knows = ending.error && (progress.ok() || by_itself);
    end(attempt, error_verdict(place_knows ? *ending.error : progress.error()), ending);
  }

  void time_out(Attempt& attempt) {
    auto last = attempt.place->advance(attempt.stamper);
    if (last.ok() && last.value()) return settle(attempt, std::move(last), true);
    attempt.place->kill();
    PlaceEnding ending = attempt.place->finish();
    if (!ending.limit_reached.empty()) attempt.stamper.log(ending.limit_reached);
    std::string limit = text::format_duration(plan_.jobs[attempt.index].limits.script_timeout_ns);
    std::string reason = fmt::format("the script's time limit of {} was reached", limit);
    attempt.stamper.fail(reason, "--timeout DURATION allows more");
    end(attempt, {Outcome::fail, reason, ""}, ending);
  }

  void stop(bool interrupted) {
    stopping_ = true;
    (interrupted ? summary_.interrupted : summary_.timed_out) = true;
    for (const auto& attempt : active_) attempt->place->kill();
    while (!active_.empty()) {
      Attempt& attempt = *active_.front();
      PlaceEnding ending = attempt.place->finish();
      end(attempt, {Outcome::not_run, interrupted ? "interrupted" : "the run's time limit was reached", ""},
          ending);
    }
  }

  void not_run(uint32_t index) {
    Attempt attempt(events_, index, start_ns_);
    attempt.started_ns = sys::monotonic_ns();
    Event event;
    event.kind = Event::Kind::script_started;
    event.text = plan_.jobs[index].name;
    event.detail = plan_.jobs[index].image;
    attempt.stamper.take(event);
    end(attempt,
        {Outcome::not_run, summary_.interrupted ? "interrupted" : "the run's time limit was reached", ""});
  }

  void end(Attempt& attempt, const Verdict& verdict, const PlaceEnding& ending = {}) {
    Event event;
    event.kind = Event::Kind::script_ended;
    event.outcome = verdict.outcome;
    event.text = verdict.reason;
    event.detail = verdict.fault;
    event.line = attempt.stamper.line();
    event.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - attempt.started_ns);
    event.peak_memory = ending.peak_memory;
    event.cpu_ns = static_cast<int64_t>(ending.cpu_ns);
    attempt.stamper.take(event);
    std::erase_if(active_, [&](const auto& a) { return a.get() == &attempt; });
  }

  const plan::Plan& plan_;
  EventSink& events_;
  const Options& options_;
  uint64_t start_ns_ = sys::monotonic_ns();
  uint64_t run_deadline_ns_ = 0;
  std::string program_;
  uint64_t memory_ = 0;
  std::vector<Result<Provision>> provided_;
  std::vector<std::unique_ptr<Attempt>> active_;
  size_t next_ = 0;
  bool stopping_ = false;
  Summary summary_;
};

}  // namespace

Result<Summary> run_plan(const plan::Plan& plan, EventSink& events, const Options& options) {
  return Runner(plan, events, options).run();
}

}  // namespace testctr::run
