#include "reports.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "report/github.h"
#include "report/gitlab.h"
#include "report/json_lines.h"
#include "report/tap.h"
#include "report/terminal.h"

namespace testctr::cmd {

Result<CiOutput> ci_output(const Arguments& arguments) {
  static const std::vector<std::string> names{"auto", "github", "gitlab", "none"};
  const std::optional<std::string> asked = TRY(arguments.choice("--ci-output", names));
  const bool text = !arguments.flag("--json") && !arguments.flag("--tap");
  if (asked == "github" || asked == "gitlab") {
    if (!text)
      return Error::usage(fmt::format("--ci-output {} is for the text, and standard output is to be {}",
                                      *asked, arguments.flag("--json") ? "JSON lines" : "TAP"))
          .hint("--report json=FILE and --report tap=FILE go with the text");
    return asked == "github" ? CiOutput::github : CiOutput::gitlab;
  }
  const auto is_true = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && std::string_view(value) == "true";
  };
  if (asked == "none" || !text) return CiOutput::none;
  if (is_true("GITHUB_ACTIONS")) return CiOutput::github;
  return is_true("GITLAB_CI") ? CiOutput::gitlab : CiOutput::none;
}

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

report::GithubOptions github_options() {
  report::GithubOptions options;
  options.workspace = environment("GITHUB_WORKSPACE");
  if (const std::unique_ptr<char, decltype(&free)> here(::getcwd(nullptr, 0), &free); here)
    options.folder = here.get();
  const std::string summary = environment("GITHUB_STEP_SUMMARY");
  if (summary.empty()) return options;
  Result<Fd> file = sys::open(summary, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (file.ok()) {
    options.summary = std::move(file).value();
  } else {
    complain(
        fmt::format("the step's summary is left out: {}", file.error().in("$GITHUB_STEP_SUMMARY").full()));
  }
  return options;
}

std::unique_ptr<report::Reporter> for_ci(CiOutput ci, report::Writer& out,
                                         std::unique_ptr<report::Reporter> text) {
  switch (ci) {
    case CiOutput::github:
      return std::make_unique<report::Github>(out, std::move(text), github_options());
    case CiOutput::gitlab:
      return std::make_unique<report::Gitlab>(out, std::move(text));
    case CiOutput::none:
      break;
  }
  return text;
}

}  // namespace

Status check_reports(const Arguments& arguments) {
  if (arguments.flag("--json") && arguments.flag("--tap")) {
    return Error::usage("--json and --tap both want standard output")
        .hint("give one of them; --report FORMAT=FILE goes with either");
  }
  if (arguments.flag("--quiet") && arguments.flag("--verbose"))
    return Error::usage("--quiet and --verbose exclude each other");
  CHECK_OK(ci_output(arguments));
  static const std::vector<std::string> when{"auto", "always", "never"};
  const std::optional<std::string> color = TRY(arguments.choice("--color", when));
  if (color && *color != "never" && arguments.flag("--no-color"))
    return Error::usage(fmt::format("--no-color and --color {} exclude each other", *color));
  if (color && *color == "always" && arguments.flag("--plain"))
    return Error::usage("--plain has no colours, and --color always wants them");
  return arguments.duration("--slow").ok() ? Status() : arguments.duration("--slow").error();
}

namespace {

constexpr int64_t slow_on_terminal_ns = 10'000'000'000, slow_elsewhere_ns = 60'000'000'000;

report::TerminalOptions looks_of(const Arguments& arguments, const plan::Plan& plan, bool live) {
  report::TerminalOptions looks;
  looks.plain = arguments.flag("--plain");
  looks.verbose = arguments.flag("--verbose");
  looks.quiet = arguments.flag("--quiet");
  const std::string color = arguments.value("--color").value_or("auto");
  const bool never = looks.plain || arguments.flag("--no-color") || color == "never";
  looks.palette = report::palette_for(STDOUT_FILENO, never, color == "always");
  looks.person = !looks.plain && report::is_live_terminal(STDOUT_FILENO);
  if (arguments.declares("--failed"))
    looks.again = "again: --failed; stand still there: --debug; more of it: explain";
  report::ProgressOptions& progress = looks.progress;
  progress.live = live && !looks.quiet && !looks.plain && report::is_live_terminal(STDERR_FILENO);
  // Where somebody else writes on the terminal, such as a test's shell, time stands still as well.
  progress.told = live && !looks.quiet;
  const std::optional<int64_t> slow = arguments.duration("--slow").value();  // looked at by check_reports
  progress.slow_ns = slow.value_or(progress.live ? slow_on_terminal_ns : slow_elsewhere_ns);
  progress.columns = [] { return report::columns_of(STDERR_FILENO); };
  for (const plan::Job& job : plan.jobs) progress.limits.push_back(job.limits.script_timeout_ns);
  return looks;
}

}  // namespace

Reports::Reports(const Arguments& arguments, const plan::Plan& plan, ReportFiles files,
                 std::vector<std::string> lacks, bool live)
    : out_(STDOUT_FILENO, "standard output"),
      live_(STDERR_FILENO, "standard error"),
      collector_(arguments.flag("--verbose")) {
  if (arguments.flag("--json")) {
    collector_.add(std::make_unique<report::JsonLines>(out_));
  } else if (arguments.flag("--tap")) {
    collector_.add(std::make_unique<report::Tap>(out_));
  } else {
    report::TerminalOptions looks = looks_of(arguments, plan, live);
    looks.first = std::move(lacks);
    // What was asked for has been checked.
    const Result<CiOutput> ci = ci_output(arguments);
    collector_.add(for_ci(ci.ok() ? ci.value() : CiOutput::none, out_,
                          std::make_unique<report::Terminal>(out_, live_, looks)));
  }
  for (auto& file : files) {
    if (!file->growing().empty()) growing_.push_back(file->growing());
    collector_.add(std::move(file));
  }
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
    if (plan.jobs[i].file != plan.jobs[i].name) event.file = plan.jobs[i].file;
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

ReportedRun::ReportedRun(const Arguments& arguments, const plan::Plan& plan, ReportFiles files,
                         uint64_t started_ns, std::vector<std::string> lacks, bool live)
    : reports_(arguments, plan, std::move(files), std::move(lacks), live), started_ns_(started_ns) {
  report::RunStart start;
  start.scripts = plan.jobs.size();
  start.selection = plan.selection;
  start.selected = plan.selected;
  start.shard = plan.shard.index;
  start.shards = plan.shard.count;
  start.sharded_by = plan.shard.by;
  for (const plan::Job& job : plan.jobs) {
    if (job.setup) start.setups.push_back(job.name);
  }
  start.seed = plan.seed;
  start.parallel = plan.parallel;
  start.unix_ns = sys::realtime_ns();
  collector().start(start);
  ending_.not_tests = plan.not_tests;
  ending_.empty_shard = plan.jobs.empty() && plan.shard.count > 0 && plan.selected > 0;
}

void ReportedRun::run(const plan::Plan& plan, EventSink& events, run::Options how,
                      const StopSignals& signals) {
  how.stop_fd = signals.descriptor();
  how.tick = [this] { collector().tick(); };
  // Reports may lie in the test tree.
  how.apart.insert(how.apart.end(), reports_.growing().begin(), reports_.growing().end());
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
