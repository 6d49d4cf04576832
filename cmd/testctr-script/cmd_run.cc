// `run`: from the command line to a plan, from the events of its scripts to reports and the exit code.
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "image_access.h"
#include "plan/plan_request.h"
#include "report/collector.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/tap.h"
#include "report/terminal.h"
#include "run/err_files.h"
#include "run/run.h"
#include "run_request.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "--locked", .help = "every image must be in the manifest's lock file (`testctr-script lock`)"},
    {.names = "--json", .help = "events as JSON lines on standard output, in place of the text"},
    {.names = "--tap", .help = "TAP 14 on standard output, in place of the text"},
    {.names = "--junit",
     .value = "FILE",
     .help = "also write JUnit XML; a file is replaced when the run ends, a device or FIFO written into"},
    {.names = "--err-files",
     .help =
         "beside each Cram document that fails, FILE.err with what it would be to pass, as Cram writes it"},
    {.names = "-q,--quiet", .help = "only what went wrong, and the summary"},
    {.names = "-v,--verbose", .help = "the whole log of every script, every case of a document"},
    {.names = "--no-color", .help = "no colours (also: NO_COLOR in the environment)"}};
constexpr auto options = with_manifest_options(own_options);

constexpr std::string_view examples =
    "testctr-script run\n"
    "testctr-script run -t build --tag fast\n"
    "testctr-script run builtin first.txt\n"
    "testctr-script run golang:latest mytest.txt\n"
    "testctr-script run golang:latest tests/ -j 4 --junit report.xml\n"
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

Status check_reports(const Arguments& arguments) {
  if (arguments.flag("--json") && arguments.flag("--tap")) {
    return Error::usage("--json and --tap both want standard output")
        .hint("give one of them; --junit FILE goes with either");
  }
  if (arguments.flag("--quiet") && arguments.flag("--verbose"))
    return Error::usage("--quiet and --verbose exclude each other");
  return {};
}

/// The reporters that were asked for.
class Reports {
 public:
  Reports(const Arguments& arguments, std::unique_ptr<report::Junit> junit, std::vector<std::string> lacks)
      : collector_(arguments.flag("--verbose")) {
    if (arguments.flag("--json")) {
      collector_.add(std::make_unique<report::JsonLines>(out_));
    } else if (arguments.flag("--tap")) {
      collector_.add(std::make_unique<report::Tap>(out_));
    } else {
      report::TerminalOptions looks;
      looks.colour = report::wants_colour(STDOUT_FILENO, arguments.flag("--no-color"));
      looks.live = report::is_live_terminal(STDERR_FILENO) && !arguments.flag("--quiet");
      looks.columns = report::columns_of(STDERR_FILENO);
      looks.verbose = arguments.flag("--verbose");
      looks.quiet = arguments.flag("--quiet");
      looks.first = std::move(lacks);
      collector_.add(std::make_unique<report::Terminal>(out_, live_, looks));
    }
    if (junit) collector_.add(std::move(junit));
  }
  report::Collector& collector() { return collector_; }

 private:
  report::FdWriter out_{STDOUT_FILENO, "standard output"};
  report::FdWriter live_{STDERR_FILENO, "standard error"};
  report::Collector collector_;
};

/// The file of `--junit`, which must be none of those that the run reads.
Result<std::unique_ptr<report::Junit>> junit_report(const Arguments& arguments, const plan::Plan& plan) {
  const std::optional<std::string> file = arguments.value("--junit");
  if (!file) return std::unique_ptr<report::Junit>();
  std::unique_ptr<report::Junit> junit = TRY(report::Junit::create(*file));
  for (const plan::Job& job : plan.jobs) {
    if (junit->overwrites(job.file) || (!job.layer.empty() && junit->overwrites(job.layer))) {
      return Error::usage(fmt::format("--junit: {} is what is to be run, and the report would overwrite it",
                                      text::quoted(*file)));
    }
  }
  return junit;
}

/// Every script ends with the error that kept the whole run from beginning, so that the reports do not look
/// green.
void all_end_with(const Error& error, const plan::Plan& plan, report::Collector& events) {
  for (uint32_t i = 0; i < plan.jobs.size(); ++i) {
    Event event;
    event.script = i;
    event.kind = Event::Kind::script_started;
    event.text = plan.jobs[i].name;
    event.detail = plan.jobs[i].pinned(plan.jobs[i].image);
    events.take(event);
    event.kind = Event::Kind::script_ended;
    event.outcome = Outcome::error;
    event.text = error.full();
    event.detail = to_string(error.fault());
    event.sequence = 1;
    events.take(event);
  }
}

Result<int> run_run(const Arguments& arguments) {
  const uint64_t started = sys::monotonic_ns();
  CHECK_OK(check_reports(arguments));
  plan::RunRequest request = TRY(request_of(arguments));
  add_manifest(arguments, request);
  request.documents.whole_output = arguments.flag("--err-files");
  request.locked = arguments.flag("--locked");
  const plan::Plan plan = TRY(plan::plan_request(request));
  if (arguments.flag("--err-files")) CHECK_OK(run::ErrFiles::check(plan));
  for (const std::string& note : plan.notes) complain(note);
  std::unique_ptr<report::Junit> junit = TRY(junit_report(arguments, plan));
  engine::Chosen chosen;
  const engine::Kind kind = TRY(engine_of(arguments));
  if (!plan.jobs.empty()) chosen = TRY(engine::choose(kind, plan));
  if (!chosen.note.empty()) complain(chosen.note);
  Reports reports(arguments, std::move(junit),
                  chosen.owned ? chosen.owned->lacks() : std::vector<std::string>());
  report::Collector& collector = reports.collector();
  collector.start(plan.jobs.size());
  run::ErrFiles err_files(plan, collector);
  report::RunEnding ending;
  ending.not_tests = plan.not_tests;
  if (plan.jobs.empty()) {
    complain("nothing was selected to run");
  } else {
    const StopSignals signals = TRY(StopSignals::install());
    const auto images =
        TRY(ImageAccess::from(arguments, {.pull = true, .quiet = arguments.flag("--quiet")}, &signals));
    run::Options how;
    how.engine = chosen.engine();
    how.store = store_options(arguments);
    how.access = images->access();
    how.stop_fd = signals.descriptor();
    how.note = [](const std::string& note) { complain(note); };
    EventSink& events = arguments.flag("--err-files") ? static_cast<EventSink&>(err_files) : collector;
    const Result<run::Summary> summary = run::run_plan(plan, events, how);
    if (!summary.ok()) {
      all_end_with(summary.error(), plan, collector);
    } else {
      ending.timed_out = summary.value().timed_out;
      if (summary.value().interrupted) ending.signal = signals.received();
    }
  }
  ending.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - started);
  const Status written = collector.finish(ending);
  const int code = collector.tally().exit_code(ending);
  // A report that is not whole must not pass for one; a worse exit code stands.
  int from_error = exit_passed;
  if (!written.ok()) from_error = complain(written.error());
  for (const Error& problem : err_files.finish()) from_error = complain(problem);
  return code == exit_passed ? from_error : code;
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
