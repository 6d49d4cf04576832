#include "reports.h"

#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "report/json_lines.h"
#include "report/tap.h"
#include "report/terminal.h"

namespace testctr::cmd {

Status check_reports(const Arguments& arguments) {
  if (arguments.flag("--json") && arguments.flag("--tap")) {
    return Error::usage("--json and --tap both want standard output")
        .hint("give one of them; --junit FILE goes with either");
  }
  if (arguments.flag("--quiet") && arguments.flag("--verbose"))
    return Error::usage("--quiet and --verbose exclude each other");
  return {};
}

Reports::Reports(const Arguments& arguments, std::unique_ptr<report::Junit> junit,
                 std::vector<std::string> lacks, bool live)
    : out_(STDOUT_FILENO, "standard output"),
      live_(STDERR_FILENO, "standard error"),
      collector_(arguments.flag("--verbose")) {
  if (arguments.flag("--json")) {
    collector_.add(std::make_unique<report::JsonLines>(out_));
  } else if (arguments.flag("--tap")) {
    collector_.add(std::make_unique<report::Tap>(out_));
  } else {
    report::TerminalOptions looks;
    looks.colour = report::wants_colour(STDOUT_FILENO, arguments.flag("--no-color"));
    looks.live = live && report::is_live_terminal(STDERR_FILENO) && !arguments.flag("--quiet");
    looks.columns = report::columns_of(STDERR_FILENO);
    looks.verbose = arguments.flag("--verbose");
    looks.quiet = arguments.flag("--quiet");
    looks.first = std::move(lacks);
    collector_.add(std::make_unique<report::Terminal>(out_, live_, looks));
  }
  if (junit) collector_.add(std::move(junit));
}
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

namespace {

/// Every script ends with the error that kept the whole run from beginning, so that the reports do not look
/// green.
void all_end_with(const Error& error, const plan::Plan& plan, EventSink& events) {
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

}  // namespace

ReportedRun::ReportedRun(const Arguments& arguments, const plan::Plan& plan,
                         std::unique_ptr<report::Junit> junit, uint64_t started_ns,
                         std::vector<std::string> lacks, bool live)
    : reports_(arguments, std::move(junit), std::move(lacks), live), started_ns_(started_ns) {
  report::RunStart start;
  start.scripts = plan.jobs.size();
  start.selection = plan.selection;
  start.selected = plan.selected;
  start.shard = plan.shard.index;
  start.shards = plan.shard.count;
  start.sharded_by = plan.shard.by;
  start.seed = plan.seed;
  start.parallel = plan.parallel;
  collector().start(start);
  ending_.not_tests = plan.not_tests;
  ending_.empty_shard = plan.jobs.empty() && plan.shard.count > 0 && plan.selected > 0;
}

void ReportedRun::run(const plan::Plan& plan, EventSink& events, run::Options how,
                      const StopSignals& signals) {
  how.stop_fd = signals.descriptor();
  // Where the report is redirected to may lie in the test tree.
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat st {};
    auto path = sys::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd));
    if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && path.ok()) how.apart.push_back(path.value());
  }
  if (!how.note) how.note = [](const std::string& note) { complain(note); };
  const Result<run::Summary> summary = run::run_plan(plan, events, how);
  if (!summary.ok()) {
    all_end_with(summary.error(), plan, events);
    return;
  }
  ending_.timed_out = summary.value().timed_out;
  ending_.failed_fast = summary.value().failed_fast;
  if (summary.value().interrupted) ending_.signal = signals.received();
}

int ReportedRun::finish() {
  ending_.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - started_ns_);
  const Status written = collector().finish(ending_);
  const int code = collector().tally().exit_code(ending_);
  // A report that is not whole must not pass for one; a worse exit code stands.
  whole_ = written.ok();
  if (whole_) return code;
  const int from_error = complain(written.error());
  return code == exit_passed ? from_error : code;
}

}  // namespace testctr::cmd
