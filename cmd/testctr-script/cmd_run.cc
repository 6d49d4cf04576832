// `run`: from the command line to a plan, from the events of its scripts to reports and the exit code.
#include "base/sys.h"
#include "base/text.h"
#include "bundles.h"
#include "commands.h"
#include "debug_options.h"
#include "image_access.h"
#include "keep.h"
#include "plan/plan_request.h"
#include "reports.h"
#include "revise_scripts.h"
#include "run/err_files.h"
#include "run/kept_failures.h"
#include "run/observe_members.h"
#include "run/run.h"
#include "run_request.h"
#include "stop_signals.h"
#include "suite_options.h"
#include "user_defaults.h"
#include "watch.h"
#include "write_revision.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "--retries",
     .value = "N",
     .help =
         "a test that fails is tried again up to N times; one that passes then is flaky, and its failing\n"
         "attempts are told (default: the manifest's, or 0)"},
    {.names = "--flaky-result",
     .value = "pass|fail",
     .help = "what a flaky test makes of the exit code (default: pass)"},
    {.names = "--fail-fast", .help = "the first test that fails ends the run"},
    {.names = "--list",
     .help = "the names of the tests in the order in which they would run, and nothing else"},
    {.names = "-n,--dry-run", .help = "what would run, in which order and where, and nothing else"},
    {.names = "--update",
     .help = "a file of a script that `cmp` finds to differ gets what it is compared with (`help update`)"},
    {.names = "--ci",
     .help = "--update also where the environment says `CI`, where nobody would see the change"},
    {.names = "--pack-on-failure",
     .value = "DIR",
     .help = "of each test that fails, a bundle in this folder, which `replay` runs again anywhere"},
    watch_option,
    no_config_option,
    {.names = "--locked", .help = "every image must be in the manifest's lock file (`testctr-script lock`)"},
    {.names = "--err-files",
     .help =
         "beside each Cram document that fails, FILE.err with what it would be to pass, as Cram writes it"},
    debug_option,
    break_option,
    keep_option,
    keep_all_option};
constexpr auto options = with_suite_options(with_report_options(with_manifest_options(own_options)));

constexpr std::string_view examples =
    "testctr-script run\n"
    "testctr-script run -t build --tag fast\n"
    "testctr-script run --watch\n"
    "testctr-script run --failed\n"
    "testctr-script run --filter 'cli and not tag:slow' --fail-fast\n"
    "testctr-script run builtin first.txt\n"
    "testctr-script run golang:latest mytest.txt\n"
    "testctr-script run golang:latest tests/ -j 4 --junit report.xml --report html=report.html\n"
    "testctr-script run debian:12 README.md tests/options.t\n"
    "testctr-script run debian:12 --bin build/app --artifacts 'out/*.xml=reports' tests/a.txt\n"
    "testctr-script run oci:build/image --env MODE=fast --tree . tests/a.txt\n";

constexpr std::string_view text =
    "The first of two or more arguments is the image (`testctr-script help images`), the others are scripts, "
    "documents or folders of them\n"
    "(`testctr-script help formats`, `help script`, `help documents`). Each runs in a fresh container. "
    "Without arguments, the tests of the manifest\n"
    "testctr.yaml run, here or in a folder above (`help manifest`); scripts without an image run in that "
    "manifest's. Exit "
    "codes: `testctr-script help exit-codes`.\n";

/// Writes what the comparisons of the run want. @return whether all of it could be done
bool update_scripts(const plan::Plan& plan, const std::map<uint32_t, run::ObservedScript>& ended) {
  // Standard output is the report's.
  Writing writing{.says_unchanged = false,
                  .say =
                      [](const std::string& said) {
                        complain(text::trim(said));
                        return Status();
                      },
                  .decided = {}};
  bool all_hold = true;
  for (const RevisedFile& file : revise_scripts(plan, ended, /*all=*/false)) {
    Result<bool> holds = write_revision(file, writing);
    if (!holds.ok()) complain(holds.error());
    all_hold = all_hold && holds.ok() && holds.value();
  }
  for (const auto& [index, one] : ended) {
    const plan::Job& job = plan.jobs[index];
    if (job.format != plan::Format::script && one.outcome == Outcome::fail)
      complain(fmt::format("not updated: {}: documents are updated by `testctr-script update`",
                           text::printable(job.name)));
  }
  return all_hold;
}

constexpr std::string_view nothing_selected = "nothing was selected to run";

/// `--list` and `--dry-run`.
Result<int> look(const Arguments& arguments, const plan::Plan& plan, run::History* history) {
  for (const std::string& note : plan.notes) complain(note);
  int code = plan.jobs.empty() && !is_empty_shard(plan) ? exit_nothing : exit_passed;
  for (const plan::Job& job : plan.jobs) {
    if (job.error) code = complain(*job.error);
  }
  if (code == exit_nothing) complain(nothing_selected);
  CHECK_OK(print(tests_listed(plan, arguments.flag("--list"))));
  if (arguments.flag("--list")) return code;
  if (history != nullptr) CHECK_OK(history->load());
  CHECK_OK(print(
      tests_counted(plan, history == nullptr ? std::map<plan::TestKey, int64_t>() : history->durations())));
  return code;
}

bool only_looks(const Arguments& arguments) {
  return arguments.flag("--list") || arguments.flag("--dry-run");
}

/// What is to run, and what is known of it from before.
struct Planned {
  plan::Plan plan;
  std::unique_ptr<run::History> history;
  std::optional<Error> no_history;  ///< why there is none
};

Result<Planned> plan_of(const Arguments& arguments) {
  plan::RunRequest request = TRY(request_of(arguments));
  add_manifest(arguments, request);
  request.documents.whole_output = arguments.flag("--err-files");
  request.locked = arguments.flag("--locked");
  if (const auto retries = TRY(arguments.number("--retries", 0, 100)))
    request.retries = static_cast<uint32_t>(*retries);
  const plan::Narrowing narrowing = TRY(narrowing_of(arguments));
  request.looks_only = only_looks(arguments);
  Planned made{TRY(plan::plan_request(request)), nullptr, {}};
  made.history = TRY(history_of(arguments, made.plan, !request.words.empty(), &made.no_history));
  CHECK_OK(narrow(arguments, made.plan, narrowing, made.history.get()));
  made.plan.fail_fast = arguments.flag("--fail-fast");
  return made;
}

/// What is the same for all tests of a run.
report::Circumstances common_circumstances(const std::string& engine) {
  const auto here = bundle::surroundings_here(engine);
  return {{"engine", here.at("engine")},
          {"kernel", here.at("kernel")},
          {"user", here.at("user")},
          {"program", here.at("testctr-script")}};
}

/// @param round of `--watch`; null: the only one
Result<int> run_round(const Arguments& arguments, const Round* round) {
  const uint64_t started = sys::monotonic_ns();
  const bool debugs = TRY(wants_debugging(arguments));
  const bool updates = arguments.flag("--update");
  if (updates) CHECK_OK(may_update("run --update", arguments.flag("--ci"), "`--ci` does it nevertheless"));
  static const std::vector<std::string> results{"pass", "fail"};
  const std::optional<std::string> flaky = TRY(arguments.choice("--flaky-result", results));
  if (only_looks(arguments)) {
    for (const char* option : {"--json", "--tap"})
      if (arguments.flag(option))
        return Error::usage(
            fmt::format("run: {} tells of a run, and --list and --dry-run carry none out", option));
    if (arguments.value("--junit") || !arguments.values("--report").empty())
      return Error::usage("run: reports tell of a run, and --list and --dry-run carry none out");
  }
  auto [plan, history, no_history] = TRY(plan_of(arguments));
  if (only_looks(arguments)) return look(arguments, plan, history.get());
  if (round != nullptr) keep_round(plan, *round);
  if (updates) CHECK_OK(ask_for_updates(plan));
  if (arguments.flag("--err-files")) CHECK_OK(run::ErrFiles::check(plan));
  for (const std::string& note : plan.notes) complain(note);
  engine::Chosen chosen;
  const engine::Kind kind = TRY(engine_of(arguments));
  if (!plan.jobs.empty()) chosen = TRY(engine::choose(kind, plan));
  if (!chosen.note.empty()) complain(chosen.note);
  KeptWork kept;
  CHECK_OK(kept.prepare(arguments, plan));
  run::UserTerminal terminal(run::ShellAt::prompt, [](const std::string& said) { complain(said); });
  if (debugs) terminal.set_breaks(TRY(breaks_of(arguments, plan)));
  ReportedRun reported(arguments, plan, TRY(report_files(arguments, plan)), started, chosen.lacks(),
                       /*live=*/!debugs);
  if (flaky == "fail") reported.collector().fail_flaky();
  if (round != nullptr) reported.collector().add(round_teller(*round));
  run::ErrFiles err_files(plan, reported.collector());
  const std::optional<std::string> bundles = arguments.value("--pack-on-failure");
  if (bundles) CHECK_OK(check_bundle_folder(*bundles));
  EventSink& reports =
      arguments.flag("--err-files") ? static_cast<EventSink&>(err_files) : reported.collector();
  run::MemberObserver members(plan, reports);
  EventSink& told = updates ? static_cast<EventSink&>(members) : reports;
  bundle::Recorder recorder(told, bundles ? plan.jobs.size() : 0);
  run::HistoryWriter outcomes(bundles ? static_cast<EventSink&>(recorder) : told, plan, history.get(),
                              flaky == "fail");
  std::optional<run::KeptFailures> kept_failures;
  if (history) kept_failures.emplace(history->path());
  run::FailureKeeper events(outcomes, plan, kept_failures ? &*kept_failures : nullptr,
                            common_circumstances(chosen.shown()));
  int problem = exit_passed;
  if (plan.jobs.empty()) {
    if (!is_empty_shard(plan)) complain(nothing_selected);
  } else {
    const StopSignals signals = TRY(StopSignals::install());
    const auto images =
        TRY(ImageAccess::from(arguments, {.pull = true, .quiet = arguments.flag("--quiet")}, &signals));
    run::Options how;
    how.engine = chosen.engine();
    how.store = store_options(arguments);
    how.access = images->access();
    if (debugs) how.terminal = &terminal;
    if (history) {
      how.apart.push_back(history->path().substr(0, history->path().rfind('/')));
      for (const Status& begun : {history->begin(plan), kept_failures->begin()})
        if (!begun.ok() && !no_history) no_history = begun.error();
      how.provided = [&](size_t job, report::Circumstances made_from) {
        events.provided(job, std::move(made_from));
      };
    }
    image::ChangesLayers set_ups;
    if (bundles) how.set_ups = &set_ups;
    reported.run(plan, events, how, signals);
    for (const Status* kept_status : {&outcomes.status(), &events.status()})
      if (!kept_status->ok() && !no_history) no_history = kept_status->error();
    // Once, and no run fails for it.
    if (no_history && !arguments.flag("--quiet"))
      complain(fmt::format("what became of the tests is not kept for `--failed` and `explain`: {}",
                           no_history->full()));
    if (bundles && !reported.interrupted()) {
      recorder.recording().surroundings = bundle::surroundings_here(chosen.shown());
      std::vector<std::optional<std::string>> left_out = report_paths(arguments);
      left_out.push_back(bundles);
      problem = pack_failures(*bundles, plan, recorder.recording(), set_ups, store_options(arguments),
                              images->access(), results_at(left_out));
    }
  }
  int code = reported.finish();
  for (const Error& error : err_files.finish()) problem = complain(error);
  // What was stopped in the middle says nothing.
  if (updates && code < 124 && !update_scripts(plan, members.ended()) && problem == exit_passed)
    problem = exit_failed;
  return code == exit_passed ? problem : code;
}

Result<int> run_run(const Arguments& given) {
  const Arguments arguments = TRY(with_user_defaults(given));
  CHECK_OK(check_reports(arguments));
  if (!arguments.flag("--watch")) return run_round(arguments, nullptr);
  if (TRY(wants_debugging(arguments)))
    return Error::usage(
        "--watch runs tests again by itself, and --debug waits for what you say: one of them");
  return watch(
      arguments,
      [&]() -> Result<plan::Plan> {
        Planned made = TRY(plan_of(arguments));
        return std::move(made.plan);
      },
      [&](const Round& round) { return run_round(arguments, &round); });
}

const Registration run({.name = "run",
                        .rank = 100,
                        .summary = "run scripts and documents, each in a fresh container made from an image",
                        .synopsis = "[IMAGE] [FILE...]",
                        .examples = examples,
                        .options = options,
                        .text = text,
                        .run = run_run});

}  // namespace
}  // namespace testctr::cmd
