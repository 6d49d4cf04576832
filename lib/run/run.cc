#include "run/run.h"

#include <poll.h>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/interpreter.h"
#include "run/mask.h"
#include "run/prepare.h"
#include "run/programs.h"
#include "run/schedule.h"
#include "run/test_run.h"
#include "sandbox/shifted.h"

namespace testctr::run {
namespace {

constexpr int64_t watch_interval_ns = 50'000'000;

// What is wrong with a script is said before anything is unpacked or started for it.
Result<Provision> provide_for(Provisions& provisions, const plan::Job& job) {
  if (job.error) return *job.error;
  std::vector<std::string> programs = names_of(job.programs);
  programs.insert(programs.end(), job.scripts.commands.begin(), job.scripts.commands.end());
  const auto check = [&](const plan::Step& step) -> Status {
    if (step.format != plan::Format::script) return {};
    return interpret::check(TRY(script::parse(step.name, step.source, step.language)), programs,
                            job.scripts.conditions);
  };
  CHECK_OK(check(job));
  for (const plan::Step& step : job.further) CHECK_OK(check(step));
  return provisions.provide(job);
}

class Runner {
 public:
  Runner(const plan::Plan& plan, EventSink& events, const Options& options)
      : plan_(plan), events_(events), options_(options), schedule_(plan, sys::available_memory()) {}

  Result<Summary> run() {
    if ((options_.follow || options_.learn >= 0) && !engine().follows()) {
      return Error::usage(fmt::format("{} cannot follow what a run touches", engine().shown()))
          .hint("--engine native can");
    }
    program_ = TRY(sys::self_path());
    auto store = TRY(image::Store::open(options_.store));
    Provisions provisions(store, options_.access, plan_.jobs);
    for (const std::string& path : options_.apart) provisions.set_apart(path);
    provisions.set_apart(store.home());
    if (options_.terminal != nullptr) provisions.want_shells();
    // Everything once and before any container runs: unpacking uses threads, and a container is started by a
    // process that has none.
    if (plan_.timeout_ns > 0) run_deadline_ns_ = start_ns_ + static_cast<uint64_t>(plan_.timeout_ns);
    for (const auto& job : plan_.jobs) {
      if (stop_wanted()) break;
      provided_.push_back(provide_for(provisions, job));
      tell_provided(provided_.size() - 1, provisions);
    }
    if (options_.note) {
      for (const auto& note : store.notes()) options_.note(note);
    }
    std::vector<std::string> trees;
    for (const auto& job : plan_.jobs) trees.push_back(job.tree);
    machine_.emplace(Machine{provisions, program_, default_memory(plan_.parallel),
                             std::make_shared<sandbox::Copies>(std::move(trees)), engine(), options_.follow,
                             options_.terminal, options_.learn});
    engine().prepare(store, options_.access);
    while (!stopping_ && (!schedule_.empty() || !active_.empty())) {
      fill();
      make_ready();
      if (!active_.empty()) wait();
    }
    for (const Turn& turn : schedule_.left()) did_not_run(turn, not_run_verdict());
    return summary_;
  }

 private:
  [[nodiscard]] Engine& engine() const {
    return options_.engine != nullptr ? *options_.engine : native_engine();
  }

  void tell_provided(size_t index, Provisions& provisions) const {
    if (!options_.provided || !provided_[index].ok()) return;
    const Provision& provision = provided_[index].value();
    report::Circumstances from;
    const auto add = [&](const std::string& name, const image::RootFilesystem* root) {
      if (root != nullptr && !root->manifest.empty()) from[name] = root->manifest.str();
    };
    add("image", provision.root);
    if (provision.tree != nullptr) from["tree"] = fmt::format("{:016x}", provision.tree->tree().fingerprint);
    // They are there already: asked for when the test was provided for.
    const plan::Job& job = plan_.jobs[index];
    const auto add_further = [&](const std::string& image) {
      const auto root = provisions.root(job.pinned(image));
      if (root.ok()) add("image." + image, root.value());
    };
    for (const plan::Container& container : job.containers) add_further(container.image);
    for (const std::string& image : job.images) add_further(image);
    options_.provided(index, std::move(from));
  }

  // Asked between two images; a single one is loaded to its end.
  bool stop_wanted() {
    pollfd stop{options_.stop_fd, POLLIN, 0};
    summary_.interrupted = options_.stop_fd >= 0 && ::poll(&stop, 1, 0) > 0;
    summary_.timed_out =
        !summary_.interrupted && run_deadline_ns_ != 0 && sys::monotonic_ns() >= run_deadline();
    stopping_ = summary_.interrupted || summary_.timed_out;
    return stopping_;
  }

  void fill() {
    const size_t most = options_.terminal != nullptr ? 1 : std::max(1U, plan_.parallel);
    while (!stopping_ && active_.size() < most) {
      const std::optional<Turn> turn = schedule_.next();
      if (!turn) return;
      start(*turn);
    }
  }

  // @return why it is not to run, or nothing
  std::optional<Verdict> not_wanted(const plan::Job& job) const {
    if (job.skip) return Verdict{Outcome::skip, *job.skip, ""};
    for (size_t other : job.needs) {
      const std::optional<Outcome> outcome = schedule_.outcome(other);
      // One that still runs may pass.
      if (!outcome || outcome == Outcome::pass || outcome == Outcome::flaky) continue;
      return Verdict{Outcome::skip, fmt::format("it needs {}, which did not pass", plan_.jobs[other].name),
                     ""};
    }
    return std::nullopt;
  }

  // Whether what the job changes in its image can become a layer, if it is to.
  [[nodiscard]] Status may_set_up(const plan::Job& job, const Provision& provision) const {
    if (!job.setup) return {};
    if (!engine().starts_ahead())
      return Error::usage(
                 fmt::format("`setup:` needs native containers, and these are of {}", engine().shown()))
          .hint(
              "--engine native; an image that has it all (`testctr-script image build`); or a bundle that "
              "was packed with native containers");
    if (provision.root != nullptr && provision.root->kind == image::RootFilesystem::Kind::hostfs)
      return Error::usage("`setup:` needs an image, and hostfs is this machine's own root: it has no layers");
    return {};
  }

  void start(Turn turn) {
    const uint32_t index = turn.index;
    if (const auto verdict = not_wanted(plan_.jobs[index])) {
      ready_.erase(index);
      return did_not_run(turn, *verdict);
    }
    const auto& provided = provided_[index];
    if (const Status able = engine().check(plan_.jobs[index]); !able.ok())
      return did_not_run(turn, error_verdict(able.error()));
    if (!provided.ok()) return did_not_run(turn, error_verdict(provided.error()));
    if (const Status able = may_set_up(plan_.jobs[index], provided.value()); !able.ok())
      return did_not_run(turn, error_verdict(able.error()));
    if (const Status supplied = engine().supply(plan_.jobs[index]); !supplied.ok())
      return did_not_run(turn, stop_wanted() ? not_run_verdict() : error_verdict(supplied.error()));
    std::unique_ptr<TestRun> test;
    if (auto ready = ready_.extract(index); ready && turn.attempt == 0) {
      test = std::move(ready.mapped());
    } else {
      test = make_test(turn);
    }
    test->begin();
    active_.push_back(std::move(test));
    forget_ended();
  }

  std::unique_ptr<TestRun> make_test(Turn turn) {
    return std::make_unique<TestRun>(plan_.jobs[turn.index], turn.index, turn.attempt,
                                     provided_[turn.index].value(), *machine_, events_, start_ns_);
  }

  // The containers of those that come next are made while others run: as many as may run at the same time.
  void make_ready() {
    if (stopping_ || options_.terminal != nullptr) return;
    for (const uint32_t index : schedule_.upcoming(std::max(1U, plan_.parallel))) {
      const plan::Job& job = plan_.jobs[index];
      if (ready_.contains(index) || not_wanted(job) || !provided_[index].ok() || !engine().check(job).ok())
        continue;
      auto test = make_test({index, 0});
      test->make_ready();
      ready_.emplace(index, std::move(test));
    }
  }

  void forget_ended() {
    bool failed = false;
    std::erase_if(active_, [&](const auto& test) {
      if (!test->over()) return false;
      if (test->again()) {
        schedule_.again({test->index(), test->attempt()});
      } else {
        keep_setup(*test);
        schedule_.ended(test->index(), test->outcome());
        failed = failed || !is_good(test->outcome());
      }
      return true;
    });
    if (failed) fail_fast();
  }

  // What a test has set up is there before those begin that wait for it.
  void keep_setup(TestRun& test) {
    const plan::Job& job = plan_.jobs[test.index()];
    if (!job.setup || (test.outcome() != Outcome::pass && test.outcome() != Outcome::flaky)) return;
    const Status kept = [&]() -> Status {
      const Fd upper = TRY(std::move(test.changes()));
      auto layer = TRY(machine_->provisions.extend(test.index(), job.pinned(job.image), upper.get()));
      if (options_.set_ups == nullptr) return {};
      options_.set_ups->resize(plan_.jobs.size());
      (*options_.set_ups)[test.index()] = std::move(layer);
      return {};
    }();
    if (kept.ok()) return;
    for (size_t i = 0; i < plan_.jobs.size(); ++i) {
      const auto& setups = plan_.jobs[i].set_up_by;
      if (std::find(setups.begin(), setups.end(), test.index()) != setups.end()) provided_[i] = kept.error();
    }
  }

  // What runs already is stopped, too: nobody waits for it.
  void fail_fast() {
    if (!plan_.fail_fast || stopping_) return;
    summary_.failed_fast = true;
    stop_all();
  }

  void wait() {
    std::vector<pollfd> descriptors;
    std::vector<size_t> ends;  // of each test's, in `descriptors`
    for (const auto& test : active_) {
      test->poll_into(descriptors);
      ends.push_back(descriptors.size());
    }
    if (options_.stop_fd >= 0) descriptors.push_back({options_.stop_fd, POLLIN, 0});
    const int ready = ::poll(descriptors.data(), descriptors.size(), timeout_ms());
    if (ready > 0) {
      for (size_t i = 0, at = 0; i < active_.size(); at = ends[i++]) {
        const bool any = std::any_of(descriptors.begin() + static_cast<ptrdiff_t>(at),
                                     descriptors.begin() + static_cast<ptrdiff_t>(ends[i]),
                                     [](const pollfd& one) { return one.revents != 0; });
        if (any) active_[i]->advance();
      }
      if (options_.stop_fd >= 0 && descriptors.back().revents != 0) return stop(/*interrupted=*/true);
    }
    if (options_.tick) options_.tick();
    const uint64_t now = sys::monotonic_ns();
    if (run_deadline_ns_ != 0 && now >= run_deadline()) return stop(/*interrupted=*/false);
    for (const auto& test : active_) test->turn(now);
    forget_ended();
  }

  // With what the user has spent in a shell.
  uint64_t run_deadline() const {
    return run_deadline_ns_ + (options_.terminal != nullptr ? options_.terminal->spent_ns() : 0);
  }

  int timeout_ms() const {
    const uint64_t now = sys::monotonic_ns();
    uint64_t until = now + watch_interval_ns;
    for (const auto& test : active_) until = std::min(until, test->next_turn_ns());
    if (run_deadline_ns_ != 0) until = std::min(until, run_deadline());
    return until <= now ? 0 : static_cast<int>((until - now) / 1'000'000 + 1);
  }

  void stop(bool interrupted) {
    (interrupted ? summary_.interrupted : summary_.timed_out) = true;
    stop_all();
  }

  void stop_all() {
    stopping_ = true;
    for (const auto& test : active_) test->stop(not_run_verdict());
    active_.clear();
    ready_.clear();
  }

  Verdict not_run_verdict() const {
    return {Outcome::not_run,
            summary_.failed_fast   ? "another test has failed (--fail-fast)"
            : summary_.interrupted ? "interrupted"
                                   : "the run's time limit was reached",
            ""};
  }

  // A test that did not come to run.
  void did_not_run(Turn turn, const Verdict& verdict) {
    const uint32_t index = turn.index;
    if (!stopping_) schedule_.ended(index, verdict.outcome);
    Stamper stamper(events_, index, start_ns_, turn.attempt);
    Event event;
    event.kind = Event::Kind::script_started;
    event.text = plan_.jobs[index].name;
    event.detail = plan_.jobs[index].pinned(plan_.jobs[index].image);
    if (plan_.jobs[index].file != plan_.jobs[index].name) event.file = plan_.jobs[index].file;
    stamper.take(event);
    event = {};
    event.kind = Event::Kind::script_ended;
    event.outcome = verdict.outcome;
    event.text = verdict.reason;
    event.detail = verdict.fault;
    stamper.take(event);
    if (!is_good(verdict.outcome) && verdict.outcome != Outcome::not_run) fail_fast();
  }

  const plan::Plan& plan_;
  EventSink& events_;
  const Options& options_;
  uint64_t start_ns_ = sys::monotonic_ns();
  uint64_t run_deadline_ns_ = 0;
  std::string program_;
  std::optional<Machine> machine_;
  std::vector<Result<Provision>> provided_;
  std::vector<std::unique_ptr<TestRun>> active_;
  std::map<uint32_t, std::unique_ptr<TestRun>> ready_;  ///< those whose containers are made already
  Schedule schedule_;
  bool stopping_ = false;
  Summary summary_;
};

}  // namespace

Secrets secrets_of(const plan::Plan& plan) {
  Secrets secrets;
  for (const plan::Job& job : plan.jobs) {
    for (const std::string& name : job.secrets) {
      const auto value = job.environment.find(name);
      if (value != job.environment.end()) secrets.add(value->second);
    }
  }
  return secrets;
}

Result<Summary> run_plan(const plan::Plan& plan, EventSink& events, const Options& options) {
  Secrets secrets = secrets_of(plan);
  if (secrets.empty()) return Runner(plan, events, options).run();
  Masker masker(events, std::move(secrets));
  return Runner(plan, masker, options).run();
}

}  // namespace testctr::run
