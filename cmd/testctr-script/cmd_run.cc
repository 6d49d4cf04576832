// `run`: from the command line to a plan, from the events of its scripts to reports and the exit code.
#include <unistd.h>

#include <charconv>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "plan/make_plan.h"
#include "report/collector.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/tap.h"
#include "report/terminal.h"
#include "run/run.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-j,--jobs",
     .value = "N",
     .help = "scripts that run at the same time (default: one per processor)"},
    {.names = "--timeout",
     .value = "TIME",
     .help = "of each script; reaching it is a failure (default: 10m)"},
    {.names = "--case-timeout", .value = "TIME", .help = "of each command of a script (default: 30s)"},
    {.names = "--run-timeout",
     .value = "TIME",
     .help = "of the whole run; reaching it is exit code 124 (default: none)"},
    {.names = "--max-output", .value = "SIZE", .help = "of a command, each stream (default: 64MiB)"},
    {.names = "--memory",
     .value = "SIZE",
     .help = "of each container (default: half of what is free, shared by the scripts that run together)"},
    {.names = "--pids",
     .value = "N",
     .help = "processes in each container; a refused one is a failure where a control group counts them,\n"
             "elsewhere nobody tells (`doctor` says which) (default: 1024)"},
    {.names = "--scratch", .value = "SIZE", .help = "what each container may write (default: 4GiB)"},
    {.names = "--cpus",
     .value = "N",
     .help = "processors of each container, such as 1.5 (default: no limit)"},
    {.names = "--network",
     .value = "none|host",
     .help = "none: loopback alone; host: this machine's (default: none)"},
    {.names = "--seccomp",
     .value = "FILTER",
     .help = "default, unconfined, or the file of a Docker/OCI profile (default: default)"},
    {.names = "--ids",
     .value = "one|range",
     .help = "one: you are root inside; range: subordinate ids as well\n(default: range for root, one for "
             "others)"},
    {.names = "-e,--env", .value = "NAME=VALUE", .help = "a variable of the scripts", .repeats = true},
    {.names = "--pass-env", .value = "NAME", .help = "a variable with this machine's value", .repeats = true},
    {.names = "--tree", .value = "DIR", .help = "the test tree, $TREE inside (default: the script's folder)"},
    {.names = "--layer", .value = "FILE", .help = "take script and tree from a tar layer that `layer` wrote"},
    {.names = "--format",
     .value = "FORMAT",
     .help = "of the files named: script, scrut or cram (default: by extension)"},
    {.names = "--shell",
     .value = "PROGRAM",
     .help = "of documents (default: what the document says, else bash, for Cram /bin/sh)"},
    {.names = "--compat", .value = "TOOL", .help = "judge documents as that tool would: scrut, cram"},
    {.names = "--work-directory",
     .value = "DIR",
     .help = "the cases of a document work in this folder of yours, which stays"},
    {.names = "--prepend",
     .value = "FILE",
     .help = "a document whose cases run before each one",
     .repeats = true},
    {.names = "--append",
     .value = "FILE",
     .help = "a document whose cases run after each one",
     .repeats = true},
    {.names = "--combine-output", .help = "cases of documents are compared with both streams in one"},
    {.names = "--keep-output-crlf", .help = "CRLF in what cases print stays"},
    {.names = "--indent",
     .value = "N",
     .help = "blanks in front of the lines of Cram documents (default: 2)"},
    {.names = "--json", .help = "events as JSON lines on standard output, in place of the text"},
    {.names = "--tap", .help = "TAP 14 on standard output, in place of the text"},
    {.names = "--junit",
     .value = "FILE",
     .help = "also write JUnit XML; a file is replaced when the run ends, a device or FIFO written into"},
    {.names = "-q,--quiet", .help = "only what went wrong, and the summary"},
    {.names = "-v,--verbose", .help = "the whole log of every script"},
    {.names = "--no-color", .help = "no colours (also: NO_COLOR in the environment)"},
};

constexpr std::string_view examples =
    "testctr-script run builtin first.txt\n"
    "testctr-script run golang:latest mytest.txt\n"
    "testctr-script run golang:latest tests/ -j 4 --junit report.xml\n"
    "testctr-script run oci:build/image --env MODE=fast --tree . tests/a.txt\n";

constexpr std::string_view text =
    "The first of two or more arguments is the image (`testctr-script help images`), the others are scripts "
    "or folders of scripts\n"
    "(`testctr-script help formats`, `help script`). Each script runs in a fresh container. Exit codes: "
    "`testctr-script help exit-codes`.\n";

template <class T>
void set_if(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

Result<double> cpus(const Arguments& arguments) {
  const std::optional<std::string> word = arguments.value("--cpus");
  if (!word) return 0.0;
  double parsed = 0;
  const auto [end, problem] =
      std::from_chars(word->data(), word->data() + word->size(), parsed, std::chars_format::fixed);
  if (problem != std::errc() || end != word->data() + word->size() || !(parsed >= 0.01) ||
      !(parsed <= 10'000)) {
    return Error::usage(fmt::format("--cpus: {} is not a number of processors", text::quoted(*word)))
        .hint("for example 2 or 0.5");
  }
  return parsed;
}

Result<plan::Limits> limits(const Arguments& arguments) {
  plan::Limits out;
  set_if(out.script_timeout_ns, TRY(arguments.duration("--timeout")));
  out.script_timeout_asked = arguments.value("--timeout").has_value();
  set_if(out.case_timeout_ns, TRY(arguments.duration("--case-timeout")));
  set_if(out.max_output, TRY(arguments.size("--max-output")));
  set_if(out.memory, TRY(arguments.size("--memory")));
  set_if(out.pids, TRY(arguments.number("--pids", 1, 4'194'304)));
  out.pids_asked = arguments.value("--pids").has_value();
  set_if(out.scratch, TRY(arguments.size("--scratch")));
  out.cpus = TRY(cpus(arguments));
  return out;
}

Result<plan::DocumentOptions> documents(const Arguments& arguments) {
  plan::DocumentOptions out;
  static const std::vector<std::string> tools{"scrut", "cram"};
  const std::optional<std::string> tool = TRY(arguments.choice("--compat", tools));
  if (tool) out.reading.compat = *tool == "scrut" ? script::Compat::scrut : script::Compat::cram;
  if (const auto indent = TRY(arguments.number("--indent", 1, 64))) out.reading.indent = *indent;
  out.shell = arguments.value("--shell").value_or("");
  out.work_directory = arguments.value("--work-directory").value_or("");
  out.prepend = arguments.values("--prepend");
  out.append = arguments.values("--append");
  if (arguments.flag("--combine-output")) out.overrides.stream = script::Stream::combined;
  if (arguments.flag("--keep-output-crlf")) out.overrides.keep_crlf = true;
  return out;
}

Result<plan::RunRequest> request_of(const Arguments& arguments) {
  plan::RunRequest request;
  request.words = arguments.positionals();
  request.format = arguments.value("--format");
  request.tree = arguments.value("--tree");
  request.layer = arguments.value("--layer");
  request.env = arguments.values("--env");
  request.pass_env = arguments.values("--pass-env");
  request.seccomp = arguments.value("--seccomp").value_or("default");
  request.limits = TRY(limits(arguments));
  static const std::vector<std::string> id_modes{"one", "range"}, networks{"none", "host"};
  const std::optional<std::string> ids = TRY(arguments.choice("--ids", id_modes));
  if (ids) request.ids = *ids == "one" ? plan::Ids::one : plan::Ids::range;
  const std::optional<std::string> network = TRY(arguments.choice("--network", networks));
  if (network) request.network = *network == "host" ? plan::Network::host : plan::Network::none;
  const std::optional<uint64_t> jobs = TRY(arguments.number("--jobs", 1, 4096));
  if (jobs) request.parallel = static_cast<unsigned>(*jobs);
  set_if(request.timeout_ns, TRY(arguments.duration("--run-timeout")));
  request.documents = TRY(documents(arguments));
  if (arguments.flag("--json") && arguments.flag("--tap")) {
    return Error::usage("--json and --tap both want standard output")
        .hint("give one of them; --junit FILE goes with either");
  }
  if (arguments.flag("--quiet") && arguments.flag("--verbose"))
    return Error::usage("--quiet and --verbose exclude each other");
  return request;
}

/// The reporters that were asked for.
class Reports {
 public:
  Reports(const Arguments& arguments, std::unique_ptr<report::Junit> junit)
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
    event.detail = plan.jobs[i].image;
    events.take(event);
    event.kind = Event::Kind::script_ended;
    event.outcome = Outcome::error;
    event.text = error.full();
    event.detail = error.fault() == Fault::usage            ? "usage"
                   : error.fault() == Fault::infrastructure ? "infrastructure"
                                                            : "internal";
    event.sequence = 1;
    events.take(event);
  }
}

Result<int> run_run(const Arguments& arguments) {
  const uint64_t started = sys::monotonic_ns();
  const plan::RunRequest request = TRY(request_of(arguments));
  const plan::Plan plan = TRY(plan::make_plan(request));
  for (const std::string& note : plan.notes) complain(note);
  std::unique_ptr<report::Junit> junit = TRY(junit_report(arguments, plan));
  Reports reports(arguments, std::move(junit));
  report::Collector& collector = reports.collector();
  collector.start(plan.jobs.size());
  report::RunEnding ending;
  ending.not_tests = plan.not_tests;
  if (plan.jobs.empty()) {
    complain("nothing was selected to run");
  } else {
    const StopSignals signals = TRY(StopSignals::install());
    run::Options how;
    how.stop_fd = signals.descriptor();
    how.note = [](const std::string& note) { complain(note); };
    const Result<run::Summary> summary = run::run_plan(plan, collector, how);
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
  if (written.ok()) return code;
  // A report that is not whole must not pass for one; a worse exit code stands.
  const int from_error = complain(written.error());
  return code == exit_passed ? from_error : code;
}

const Registration run({.name = "run",
                        .rank = 100,
                        .summary = "run scripts, each in a fresh container made from an image",
                        .synopsis = "IMAGE FILE...",
                        .examples = examples,
                        .options = options,
                        .min_positionals = 1,
                        .text = text,
                        .run = run_run});

}  // namespace
}  // namespace testctr::cmd
