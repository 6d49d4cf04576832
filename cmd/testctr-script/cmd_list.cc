// `list`: what would run, and where.
#include "base/text.h"
#include "commands.h"
#include "plan/plan_request.h"
#include "run_request.h"

namespace testctr::cmd {
namespace {

constexpr auto options = [] {
  std::array<Option, manifest_options.size() + 2> all{};
  *std::copy(manifest_options.begin(), manifest_options.end(), all.begin()) = {
      .names = "--format",
      .value = "FORMAT",
      .help = "of the files named: script, scrut or cram (default: by extension)",
      .choices = "script|scrut|cram"};
  all.back() = {.names = "--names", .help = "the names alone, one a line"};
  return all;
}();

/// "host, golang:latest, host": the places of a job in their order, each by its image.
std::string places_of(const plan::Job& job) {
  std::string list;
  const auto add = [&](const plan::Step& step) {
    std::string place = step.where == plan::default_place ? job.image : step.where;
    for (const plan::Container& container : job.containers) {
      if (container.name == step.where && container.name != container.image)
        place = fmt::format("{} ({})", container.name, container.image);
    }
    list += (list.empty() ? "" : ", ") + place;
  };
  add(job);
  for (const plan::Step& step : job.further) add(step);
  return text::printable(list);
}

std::string remarks_of(const plan::Plan& plan, const plan::Job& job) {
  std::string out;
  std::vector<std::string> services, needs;
  for (const plan::Container& container : job.containers) {
    if (container.service) services.push_back(fmt::format("{} ({})", container.name, container.image));
  }
  for (const size_t other : job.needs) needs.push_back(plan.jobs[other].name);
  if (!services.empty()) out += "; beside it: " + text::join(services, ", ");
  if (!needs.empty()) out += "; after: " + text::join(needs, ", ");
  if (!job.tags.empty()) out += "; tags: " + text::join(job.tags, ", ");
  if (job.skip) out += "; skipped: " + *job.skip;
  return text::printable(out);
}

Result<int> run_list(const Arguments& arguments) {
  plan::RunRequest request;
  request.words = arguments.positionals();
  request.format = arguments.value("--format");
  request.looks_only = true;
  add_manifest(arguments, request);
  const plan::Plan plan = TRY(plan::plan_request(request));
  for (const std::string& note : plan.notes) complain(note);
  size_t width = 0;
  for (const plan::Job& job : plan.jobs) width = std::max(width, std::min<size_t>(job.name.size(), 40));
  int code = exit_passed;
  std::string out;
  for (const plan::Job& job : plan.jobs) {
    const std::string name = text::printable(job.name);
    out += arguments.flag("--names")
               ? name + "\n"
               : fmt::format("{:<{}}  {}{}\n", name, width, places_of(job), remarks_of(plan, job));
    if (job.error) code = complain(*job.error);
  }
  CHECK_OK(print(out));
  if (plan.jobs.empty()) complain("nothing is selected");
  return plan.jobs.empty() ? 4 : code;
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
