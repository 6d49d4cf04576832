// `list`: what would run, and where.
#include "commands.h"
#include "plan/plan_request.h"
#include "run_request.h"
#include "suite_options.h"

namespace testctr::cmd {
namespace {

constexpr auto options = with_suite_options([] {
  std::array<Option, manifest_options.size() + 2> all{};
  *std::copy(manifest_options.begin(), manifest_options.end(), all.begin()) = {
      .names = "--format",
      .value = "FORMAT",
      .help = "of the files named: script, scrut or cram (default: by extension)"};
  all.back() = {.names = "--names", .help = "the names alone, one a line"};
  return all;
}());

Result<int> run_list(const Arguments& arguments) {
  plan::RunRequest request;
  request.words = arguments.positionals();
  request.format = arguments.value("--format");
  request.looks_only = true;
  add_manifest(arguments, request);
  const plan::Narrowing how = TRY(narrowing_of(arguments));
  plan::Plan plan = TRY(plan::plan_request(request));
  for (const std::string& note : plan.notes) complain(note);
  const auto history = TRY(history_of(arguments, plan, !request.words.empty()));
  CHECK_OK(narrow(arguments, plan, how, history.get()));
  int code = exit_passed;
  for (const plan::Job& job : plan.jobs) {
    if (job.error) code = complain(*job.error);
  }
  CHECK_OK(print(tests_listed(plan, arguments.flag("--names"))));
  if (is_empty_shard(plan)) return exit_passed;
  if (plan.jobs.empty()) complain("nothing is selected");
  return plan.jobs.empty() ? exit_nothing : code;
}

const Registration list(
    {.name = "list",
     .rank = 200,
     .summary = "what would run, and where",
     .synopsis = "[IMAGE] [FILE...]",
     .examples = "testctr-script list\ntestctr-script list --tag slow\n"
                 "testctr-script list golang:latest tests/\n",
     .options = options,
     .text = "Takes the same words as `run`, and starts nothing. A line for each test: its "
             "name, the images that it runs in, what runs beside\n"
             "it, which tests it comes after, its tags, and why it is skipped.\n",
     .run = run_list});

}  // namespace
}  // namespace testctr::cmd
