// `merge`: the events of the shards of one run become one report.
#include "base/text.h"
#include "commands.h"
#include "report/merge.h"
#include "reports.h"

namespace testctr::cmd {
namespace {

constexpr std::array own_options{
    Option{.names = "--flaky-result",
           .value = "pass|fail",
           .help = "what a flaky test makes of the exit code (default: what it made of the shards')"}};
// Nothing runs that could be slow.
constexpr auto options = without(with_report_options(own_options), {"--slow"});

constexpr std::string_view examples =
    "testctr-script run --shard 1/2 --report json=1.json; testctr-script run --shard 2/2 --report "
    "json=2.json\n"
    "testctr-script merge 1.json 2.json\n"
    "testctr-script merge shards/*.json --report junit=report.xml --report html=report.html\n";

constexpr std::string_view help_text =
    "EVENTS are files that `run --report json=FILE` or `run --json` wrote: those of all shards of one run, "
    "or "
    "the one file of a run that had none.\n"
    "Refused (exit 2): what is no such file or was changed; shards of different selections; a shard that is "
    "there twice; a test that is in two shards.\n"
    "A shard that is missing, a file that is cut off (its unfinished tests are `not run`), or fewer tests "
    "than "
    "were selected: each is told in the\n"
    "report as an error, and the exit code is 3, or 1 where tests failed as well. Otherwise the exit code is "
    "that of one run of all tests.\n";

Result<int> run_merge(const Arguments& given) {
  const Arguments arguments = given.with(report_options);
  CHECK_OK(check_reports(arguments));
  static const std::vector<std::string> results{"pass", "fail"};
  const std::optional<std::string> flaky = TRY(arguments.choice("--flaky-result", results));
  const std::vector<std::string>& files = arguments.positionals();
  ReportFiles reports_to = TRY(report_files(arguments, files, "what is to be merged"));
  report::Merge merge = TRY(report::Merge::read(files));
  for (const std::string& what : merge.missing()) complain(what);
  const plan::Plan nothing_runs;
  Reports reports(arguments, nothing_runs, std::move(reports_to), {}, /*live=*/false);
  if (flaky ? flaky == "fail" : merge.flaky_fails()) reports.collector().fail_flaky();
  reports.collector().start(merge.start());
  const report::RunEnding ending = TRY(merge.play(reports.collector()));
  const Status written = reports.collector().finish(ending);
  const int code = reports.collector().tally().exit_code(ending);
  if (written.ok()) return code;
  const int from_error = complain(written.error());
  return code == exit_passed ? from_error : code;
}

const Registration merge({.name = "merge",
                          .rank = 140,
                          .summary = "make one report of the events of several shards",
                          .synopsis = "EVENTS...",
                          .examples = examples,
                          .options = options,
                          .min_positionals = 1,
                          .text = help_text,
                          .run = run_merge});

}  // namespace
}  // namespace testctr::cmd
