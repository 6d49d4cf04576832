// `reduce`: a failing script or document with less in it, that fails in the same way.
#include <algorithm>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "interpret/interpreter.h"
#include "plan/gather.h"
#include "plan/plan_request.h"
#include "reduced_text.h"
#include "run/run.h"
#include "run_request.h"
#include "run_setup.h"

namespace testctr::cmd {
namespace {

constexpr uint64_t usual_runs = 500;

constexpr Option own_options[] = {
    {.names = "-o,--output", .value = "FILE", .help = "where what is left goes (default: standard output)"},
    {.names = "--force", .help = "replace FILE when it is there"},
    {.names = "--any-output", .help = "what the failing line finds printed may be another"},
    {.names = "--runs", .value = "N", .help = "of the test at most (default: 500)"}};
// It takes one file, which is not in a layer; what many runs leave behind is of no use.
constexpr auto options =
    without(with_place_options(own_options), {"--artifacts", "--layer", "--run-timeout"});

/// What has to stay of what the failing line finds printed.
enum class Printed : uint8_t {
  same,
  something,  ///< that it is something, or nothing
  any
};

/// How a test fails, but for where.
struct Manner {
  Outcome outcome = Outcome::not_run;
  std::string place, command, reason;
  std::string shown;   ///< what there was in place of what was expected
  bool empty = false;  ///< there was nothing: what was to print it is gone
  std::string text;    ///< of one that does not fail
  uint32_t line = 0;
  [[nodiscard]] bool is(const Manner& other, Printed printed) const {
    if (printed == Printed::same && shown != other.shown) return false;
    if (printed == Printed::something && empty != other.empty) return false;
    return outcome == other.outcome && place == other.place && command == other.command &&
           reason == other.reason;
  }
};

/// Hears how each test of a plan fails first.
class MannerObserver : public EventSink {
 public:
  explicit MannerObserver(size_t tests) : manners_(tests), failed_(tests) {}
  void take(const Event& event) override {
    Manner& manner = manners_[event.script];
    if (event.kind == Event::Kind::script_ended) {
      manner.outcome = event.outcome;
      manner.text = event.text;
    }
    if (event.kind != Event::Kind::failure || failed_[event.script]) return;
    failed_[event.script] = true;
    manner.place = event.place;
    manner.command = event.failure.command;
    manner.reason = event.failure.reason;
    manner.shown = event.failure.actual + '\0' + event.failure.diff;
    manner.empty = event.failure.actual.empty() && event.failure.diff.empty();
    manner.line = event.line;
  }
  [[nodiscard]] const Manner& of(size_t index) const { return manners_[index]; }

 private:
  std::vector<Manner> manners_;
  std::vector<bool> failed_;
};

class Reducer {
 public:
  Reducer(plan::Plan plan, run::Options how, uint64_t most_runs, Printed printed)
      : plan_(std::move(plan)),
        job_(plan_.jobs.front()),
        how_(std::move(how)),
        printed_(printed),
        left_(most_runs),
        most_(most_runs) {}

  /// Finds out how it fails. Errors (usage): it does not, or otherwise each time.
  Status begin() {
    pieces_ = TRY(pieces_of(job_));
    kept_.assign(pieces_.size(), true);
    const std::vector<Manner> twice = TRY(run({job_, job_}));
    wanted_ = twice.front();
    if (wanted_.outcome != Outcome::fail)
      return Error::usage(fmt::format("{}: there is no failure to be kept: {}{}{}", job_.name,
                                      to_string(wanted_.outcome), wanted_.text.empty() ? "" : ": ",
                                      wanted_.text));
    if (printed_ == Printed::same && !wanted_.is(twice.back(), Printed::same) &&
        wanted_.is(twice.back(), Printed::something)) {
      printed_ = Printed::something;
      complain(fmt::format("{}: what it prints is different each time, and may be another", job_.name));
    }
    if (!wanted_.is(twice.back(), printed_))
      return Error::usage(fmt::format("{} does not fail in the same way each time: {}: {}; {}: {}", job_.name,
                                      wanted_.command, wanted_.reason, twice.back().command,
                                      twice.back().reason));
    return {};
  }

  Status reduce_all() {
    const TryAll try_all = [this](const std::vector<Kept>& candidates) {
      return first_that_fails(candidates);
    };
    for (size_t before = SIZE_MAX; before != count(true) && left_ > 0 && !interrupted_;) {
      before = count(true);
      for (const Piece::Kind kind : {Piece::Kind::unit, Piece::Kind::line})
        CHECK_OK(reduce(pieces_, kind, kept_, try_all));
    }
    return {};
  }

  [[nodiscard]] std::string text() const { return text_of(pieces_, kept_); }
  [[nodiscard]] std::string summary() const {
    const bool script = job_.format == plan::Format::script;
    const auto told = [&](Piece::Kind kind, const char* name) {
      size_t all = 0, left = 0;
      for (size_t i = 0; i < pieces_.size(); ++i) {
        all += pieces_[i].kind == kind ? 1 : 0;
        left += pieces_[i].kind == kind && kept_[i] ? 1 : 0;
      }
      return fmt::format("{} of {} {}", left, all, name);
    };
    const std::string command = wanted_.command.substr(0, wanted_.command.find('\n'));
    return fmt::format(
        "{}: {} and {} are left, {} dropped; it fails as before: {}: {} ({} runs{})", job_.name,
        told(Piece::Kind::line, "lines"), told(Piece::Kind::unit, script ? "files" : "cases"), count(false),
        command, wanted_.reason, most_ - left_, left_ == 0 ? ", more than that are not made: --runs" : "");
  }

 private:
  [[nodiscard]] size_t count(bool kept) const {
    return static_cast<size_t>(std::count(kept_.begin(), kept_.end(), kept));
  }

  /// A job with another text; nothing where that is none that could run.
  [[nodiscard]] std::optional<plan::Job> job_with(const std::string& source) const {
    plan::Job job = job_;
    if (job.format == plan::Format::script) {
      auto parsed = script::parse(job.name, source, job.language);
      if (!parsed.ok() || parsed.value().commands.empty()) return std::nullopt;
      job.source = source;
      return job;
    }
    auto read = script::read_document(plan::dialect_of(job.format), job.name, source, job.documents.reading);
    if (!read.ok() || read.value().cases.empty()) return std::nullopt;
    job.cases = read.value().cases.size();
    job.source = job.parts.at(job.main_part).source = source;
    return job;
  }

  Result<std::vector<Manner>> run(std::vector<plan::Job> jobs) {
    plan::Plan plan;
    plan.parallel = plan_.allowed;
    for (size_t i = 0; i < jobs.size(); ++i) jobs[i].name = fmt::format("{} #{}", job_.name, i);
    plan.jobs = std::move(jobs);
    left_ -= std::min<uint64_t>(left_, plan.jobs.size());
    MannerObserver observer(plan.jobs.size());
    interrupted_ = TRY(run::run_plan(plan, observer, how_)).interrupted;
    std::vector<Manner> manners;
    for (size_t i = 0; i < plan.jobs.size(); ++i) {
      manners.push_back(observer.of(i));
      // The name that it is known by, in what is said of it.
      std::string& text = manners.back().text;
      if (text.starts_with(plan.jobs[i].name))
        text.erase(job_.name.size(), plan.jobs[i].name.size() - job_.name.size());
    }
    return manners;
  }

  Result<size_t> first_that_fails(const std::vector<Kept>& candidates) {
    const size_t at_once = std::max<size_t>(plan_.allowed, 1);
    for (size_t next = 0; next < candidates.size() && left_ > 0 && !interrupted_;) {
      std::vector<plan::Job> jobs;
      std::vector<size_t> which;
      for (; next < candidates.size() && jobs.size() < std::min<uint64_t>(at_once, left_); ++next) {
        if (auto job = job_with(text_of(pieces_, candidates[next]))) {
          jobs.push_back(*std::move(job));
          which.push_back(next);
        }
      }
      if (jobs.empty()) break;
      const std::vector<Manner> manners = TRY(run(std::move(jobs)));
      for (size_t i = 0; i < manners.size(); ++i)
        if (manners[i].is(wanted_, printed_)) return which[i];
    }
    return candidates.size();
  }

  plan::Plan plan_;
  const plan::Job& job_;
  run::Options how_;
  std::vector<Piece> pieces_;
  Kept kept_;
  Manner wanted_;
  Printed printed_;
  uint64_t left_, most_;
  bool interrupted_ = false;
};

Result<plan::Plan> plan_to_reduce(const Arguments& arguments) {
  plan::Plan plan = TRY(plan::plan_request(TRY(request_of(arguments))));
  if (plan.jobs.size() != 1)
    return Error::usage(fmt::format("reduce takes one file, and these are {}", plan.jobs.size()));
  plan::Job& job = plan.jobs.front();
  if (job.error) return *job.error;
  job.artifacts.clear();
  job.retries = 0;
  return plan;
}

/// The original is never written to.
Status check_output(const std::string& output, const plan::Job& job, bool force) {
  const auto to = TRY(sys::stat_at(AT_FDCWD, output, 0)), from = TRY(sys::stat_at(AT_FDCWD, job.file, 0));
  if (to && from && to->st_dev == from->st_dev && to->st_ino == from->st_ino)
    return Error::usage(
        fmt::format("--output: {} is what is to be reduced, and stays", text::quoted(output)));
  if (to && S_ISREG(to->st_mode) && !force)
    return Error::usage(fmt::format("--output: {} is there already", text::quoted(output)))
        .hint("--force replaces it");
  return {};
}

Result<int> run_reduce(const Arguments& arguments) {
  const std::string output = arguments.value("--output").value_or("-");
  const uint64_t runs = TRY(arguments.number("--runs", 2, 1'000'000)).value_or(usual_runs);
  plan::Plan plan = TRY(plan_to_reduce(arguments));
  std::optional<sys::OutputFile> file;
  if (output != "-") {
    CHECK_OK(check_output(output, plan.jobs.front(), arguments.flag("--force")));
    file.emplace(TRY_IN(sys::OutputFile::create(output), "--output"));
  }
  for (const std::string& note : plan.notes) complain(note);
  const RunSetup setup = TRY(set_up_run(arguments, plan));
  const StopSignals& signals = setup.signals;
  Reducer reducer(std::move(plan), setup.how, runs,
                  arguments.flag("--any-output") ? Printed::any : Printed::same);
  const Status begun = reducer.begin();
  if (signals.received() != 0) return 128 + signals.received();
  CHECK_OK(begun);
  CHECK_OK(reducer.reduce_all());
  // What was reached is written also where the search was cut short.
  if (file) {
    CHECK_OK(sys::write_full(TRY(file->begin()), reducer.text()));
    CHECK_OK(file->finish());
  } else {
    CHECK_OK(print(reducer.text()));
  }
  complain(reducer.summary());
  return signals.received() != 0 ? 128 + signals.received() : exit_passed;
}

const Registration reduce_command(
    {.name = "reduce",
     .rank = 128,
     .summary = "leave out of a failing script or document what its failure does not need",
     .synopsis = "[IMAGE] FILE [-o OUT]",
     .examples = "testctr-script reduce debian:12 tests/long.txt -o short.txt\n",
     .options = options,
     .min_positionals = 1,
     .max_positionals = 2,
     .text = "Lines and files of a script, cases and text of a document are left out, as long as what is "
             "left fails first in the same place, at the same command, for the same\nreason, with the same "
             "output (--any-output: with any); the line's number may be another. FILE itself is never "
             "written to. Exit 2 where it does not fail, or\nnot in the same way each time.\n",
     .run = run_reduce});

}  // namespace
}  // namespace testctr::cmd
