// `replay`: what a bundle holds is run again, and compared with what was recorded.
#include <algorithm>
#include <array>

#include "base/sys.h"
#include "base/text.h"
#include "bundle/compare.h"
#include "bundles.h"
#include "commands.h"
#include "engine/inside_engine.h"
#include "image_access.h"
#include "open_store.h"
#include "plan/host_paths.h"
#include "reports.h"
#include "run/run.h"
#include "run_request.h"
#include "shell_side.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr int exit_cannot_tell = 125;
constexpr int exit_timed_out = 124;

constexpr std::array own_options{
    Option{
        .names = "--times", .value = "N", .help = "run it N times, and count: for what fails now and then"},
    Option{.names = "--bin",
           .value = "PATH[=NAME]",
           .help = "a program of this machine in place of the bundle's of that name",
           .repeats = true},
    Option{.names = "--as-test",
           .help = "exit 0: it passes, 1: it fails still, 125: cannot tell; made for `git bisect run`"},
    Option{.names = "--shell",
           .help = "a shell in the container where the first line fails, with all as that line left it; "
                   "time limits\nstand still, and when it ends, the test goes on to its verdict"},
    allow_host_option,
    secret_option,
    engine_option,
    offline_option,
    pull_option,
    authfile_option,
    store_option};
constexpr auto options = with_report_options(own_options);

constexpr std::string_view examples =
    "testctr-script replay bug.tar\n"
    "testctr-script replay bug.tar --times 20\n"
    "testctr-script replay bug.tar --shell\n"
    "testctr-script replay registry.example.org/team/bug:7\n"
    "git bisect run sh -c 'make app || exit 125; testctr-script replay bug.tar --bin app=app --as-test'\n";

constexpr std::string_view help_text =
    "Says `reproduced` (exit 0) when every test ends as recorded, those that fail at the same line for the "
    "same reason; "
    "`not reproduced` (1)\n"
    "when one that failed passes; `differs` (6) when one fails otherwise, or one that passed fails; `cannot "
    "tell` (3) when one could not\n"
    "be run to its end here: an image, the engine or this machine is at fault; with the first difference of "
    "outcome and of output, and every\n"
    "difference between the machines. Without a recording the exit code is that of `run`.\n"
    "Without FILE: the bundle behind this program, or in whose image it runs.\n";

/// Images have the names that they had where the bundle was packed.
class Renamer : public EventSink {
 public:
  Renamer(EventSink& next, const std::map<std::string, std::string>& names) : next_(next), names_(names) {}
  void take(const Event& event) override {
    const auto name = names_.find(event.detail);
    if (event.kind != Event::Kind::script_started || name == names_.end()) return next_.take(event);
    Event renamed = event;
    renamed.detail = name->second;
    next_.take(renamed);
  }

 private:
  EventSink& next_;
  const std::map<std::string, std::string>& names_;
};

/// Programs of this machine take the place of those of the same names.
Status substitute(const Arguments& arguments, plan::Plan& plan) {
  for (const std::string& word : arguments.values("--bin")) {
    std::vector<plan::HostProgram> added;
    CHECK_OK(plan::add_program(added, word, {.shown = "--bin", .folder = "", .home = ""}));
    const plan::HostProgram& program = added.front();
    for (plan::Job& job : plan.jobs) {
      std::erase_if(job.programs, [&](const plan::HostProgram& p) { return p.name == program.name; });
      job.programs.push_back(program);
    }
  }
  return {};
}

Status tell(const Arguments& arguments, const bundle::Comparison& comparison) {
  if (arguments.flag("--json")) {
    Json line{{"type", "verdict"},
              {"verdict", std::string(bundle::to_string(comparison.verdict))},
              {"outcome", json::from_bytes(comparison.outcome)},
              {"output", json::from_bytes(comparison.output)},
              {"surroundings", comparison.surroundings}};
    return print(json::dump(line) + "\n");
  }
  std::string text = fmt::format("{}\n", bundle::to_string(comparison.verdict));
  if (!comparison.outcome.empty()) text += fmt::format("  outcome: {}\n", comparison.outcome);
  if (!comparison.output.empty()) {
    text += "  output: ";
    for (std::string_view line : text::lines(comparison.output)) text += fmt::format("{}    ", line);
    text.resize(text.find_last_not_of(' ') + 1);
    if (!text.ends_with('\n')) text += '\n';
  }
  for (const std::string& difference : comparison.surroundings) text += fmt::format("  {}\n", difference);
  if (!arguments.flag("--tap")) {
    return print(text);
  }
  std::string comment;
  for (std::string_view line : text::lines(text)) comment += fmt::format("# {}", line);
  return print(comment);
}

/// What is the same for each of its runs.
struct Replay {
  const Arguments& arguments;
  const RunnableBundle& bundle;
  const StopSignals& signals;
  [[nodiscard]] const plan::Plan& plan() const { return bundle.ready.plan; }
  [[nodiscard]] const std::optional<bundle::Recording>& recorded() const {
    return bundle.opened.bundle->recording();
  }
};

int as_test(int code) {
  return code == exit_passed || code == exit_failed || code >= 128 ? code : exit_cannot_tell;
}

/// With a shell where that is asked for. @return the run's exit code
int run_reported(const Arguments& arguments, ReportedRun& reported, const plan::Plan& plan, EventSink& events,
                 run::Options how, const StopSignals& signals) {
  if (!arguments.flag("--shell")) {
    reported.run(plan, events, how, signals);
    return reported.finish();
  }
  ShellSide side(events, plan, run::ShellAt::failure);
  how.terminal = &side.terminal();
  reported.run(plan, side, how, signals);
  const int code = reported.finish();
  if (!reported.interrupted()) side.tell_if_none(code);
  return code;
}

Result<int> once(const Replay& replay) {
  ReportedRun reported(replay.arguments, replay.plan(), TRY(report_files(replay.arguments, replay.plan())),
                       sys::monotonic_ns(), replay.bundle.engine.lacks(), !replay.arguments.flag("--shell"));
  bundle::Recorder recorder(reported.collector(), replay.plan().jobs.size());
  Renamer events(recorder, replay.bundle.ready.shown);
  const int code =
      run_reported(replay.arguments, reported, replay.plan(), events, replay.bundle.how, replay.signals);
  if (reported.interrupted()) return code;
  if (replay.arguments.flag("--as-test")) return as_test(code);
  const auto& recorded = replay.recorded();
  if (!recorded) {
    complain("nothing was recorded to compare with");
    return code;
  }
  recorder.recording().surroundings = bundle::surroundings_here(replay.bundle.engine.shown());
  const bundle::Comparison comparison = bundle::compare(*recorded, recorder.recording());
  CHECK_OK(tell(replay.arguments, comparison));
  if (!reported.is_whole()) return code == exit_passed || code == exit_failed ? exit_infrastructure : code;
  if (comparison.verdict != bundle::Verdict::cannot_tell) return bundle::exit_code(comparison.verdict);
  // A time limit of the whole run and a defect of ours are told as such.
  return code == exit_timed_out || code == exit_code(Fault::internal) ? code
                                                                      : bundle::exit_code(comparison.verdict);
}

Result<int> several(const Replay& replay, uint64_t times) {
  const auto& recorded = replay.recorded();
  if (!recorded) return Error::usage("--times: nothing was recorded to compare with");
  std::array<uint64_t, 4> count{};
  for (uint64_t i = 0; i < times; ++i) {
    report::Collector silent(false);
    bundle::Recorder recorder(silent, replay.plan().jobs.size());
    Renamer events(recorder, replay.bundle.ready.shown);
    const run::Summary summary = TRY(run::run_plan(replay.plan(), events, replay.bundle.how));
    if (summary.interrupted) return 128 + replay.signals.received();
    const bundle::Comparison comparison = bundle::compare(*recorded, recorder.recording());
    ++count[static_cast<size_t>(comparison.verdict)];
    CHECK_OK(print(fmt::format("{}: {}{}{}\n", i + 1, bundle::to_string(comparison.verdict),
                               comparison.outcome.empty() ? "" : ": ", comparison.outcome)));
  }
  using bundle::Verdict;
  const auto of = [&](Verdict verdict) { return count[static_cast<size_t>(verdict)]; };
  const uint64_t unknown = of(Verdict::cannot_tell);
  CHECK_OK(
      print(fmt::format("reproduced {} of {} times, not reproduced {}, differs {}{}\n",
                        of(Verdict::reproduced), times, of(Verdict::not_reproduced), of(Verdict::differs),
                        unknown == 0 ? "" : fmt::format(", cannot tell {}", unknown))));
  for (const Verdict verdict : {Verdict::reproduced, Verdict::differs, Verdict::not_reproduced})
    if (of(verdict) != 0) return bundle::exit_code(verdict);
  return bundle::exit_code(Verdict::cannot_tell);
}

/// A shell has standard output, and one run.
Status check_shell(const Arguments& arguments) {
  if (!arguments.flag("--shell")) return {};
  for (const char* option : {"--times", "--as-test", "--json", "--tap"}) {
    const bool given =
        std::string_view(option) == "--times" ? arguments.value(option).has_value() : arguments.flag(option);
    if (given) return Error::usage(fmt::format("--shell and {} exclude each other", option));
  }
  return {};
}

/// In a container of the bundle's image: the tests run in it, and the exit code is theirs.
Result<int> run_inside(const Arguments& arguments) {
  for (const char* option : {"--times", "--engine"})
    if (arguments.value(option))
      return Error::usage(
          fmt::format("{} is nothing for a run in a container of the bundle's image", option));
  // Whoever the image's user is, this he can write to.
  ::setenv("TMPDIR", engine::inside_folder, 1);
  ::setenv("TESTCTR_HOME", fmt::format("{}/store", engine::inside_folder).c_str(), 1);
  bundle::Inside inside = TRY(bundle::read_inside());
  CHECK_OK(substitute(arguments, inside.ready.plan));
  for (const std::string& note : inside.ready.notes) complain(note);
  const StopSignals signals = TRY(StopSignals::install());
  const auto engine = engine::open_inside(inside.environment);
  ReportedRun reported(arguments, inside.ready.plan, TRY(report_files(arguments, inside.ready.plan)),
                       sys::monotonic_ns(), {}, !arguments.flag("--shell"));
  Renamer events(reported.collector(), inside.ready.shown);
  run::Options how;
  how.engine = engine.get();
  how.access.offline = true;
  const int code = run_reported(arguments, reported, inside.ready.plan, events, how, signals);
  return arguments.flag("--as-test") && !reported.interrupted() ? as_test(code) : code;
}

Result<int> run_replay(const Arguments& arguments) {
  CHECK_OK(check_reports(arguments));
  CHECK_OK(check_shell(arguments));
  if (arguments.positionals().empty() && bundle::is_inside() && !TRY(bundle::carries_bundle()))
    return run_inside(arguments);
  const auto times = TRY(arguments.number("--times", 1, 1'000'000));
  if (times && arguments.flag("--as-test")) return Error::usage("--times and --as-test exclude each other");
  if (times && *times > 1 && (arguments.value("--junit") || !arguments.values("--report").empty()))
    return Error::usage("--times runs the tests several times, and a report file is of one run")
        .hint("leave out --times, or the report");
  const StopSignals signals = TRY(StopSignals::install());
  RunnableBundle bundle =
      TRY(runnable_bundle(arguments, {.pull = true, .quiet = arguments.flag("--quiet")}, signals));
  CHECK_OK(substitute(arguments, bundle.ready.plan));
  const Replay replay{arguments, bundle, signals};
  return times && *times > 1 ? several(replay, *times) : once(replay);
}

/// `git bisect run` stops at codes of its own: whatever keeps the test from being run says "cannot tell".
Result<int> replay_or_cannot_tell(const Arguments& arguments) {
  auto done = run_replay(arguments);
  if (done.ok() || !arguments.flag("--as-test")) return done;
  complain(done.error());
  return exit_cannot_tell;
}

const Registration replay({.name = "replay",
                           .rank = 330,
                           .summary = "run a bundle again, and say whether the same comes of it",
                           .synopsis = "[FILE|REF]",
                           .examples = examples,
                           .options = options,
                           .max_positionals = 1,
                           .text = help_text,
                           .run = replay_or_cannot_tell});

}  // namespace
}  // namespace testctr::cmd
