// `check`: what is wrong with manifests, scripts and documents, all of it, without running anything.
#include <set>

#include "base/text.h"
#include "commands.h"
#include "interpret/interpreter.h"
#include "plan/checks.h"
#include "plan/from_manifest.h"
#include "plan/plan_request.h"
#include "plan/select.h"
#include "script/script.h"

namespace testctr::cmd {
namespace {

bool is_manifest(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

Status check_step(const plan::Step& step, const plan::ScriptOptions& scripts) {
  if (step.format != plan::Format::script) return {};
  return interpret::check(TRY(script::parse(step.file, step.source, step.language)), scripts.commands,
                          scripts.conditions);
}

/// What is looked through of one path. Each mistake is told once: a script may stand in several jobs.
class Check {
 public:
  void manifest(const std::string& path) {
    const auto manifest = plan::read_manifest(path);
    if (!manifest.ok()) return wrong(manifest.error());
    plan::RunRequest request;
    request.looks_only = true;
    const auto plan = plan::plan_of_manifest(manifest.value(), request);
    if (!plan.ok()) return wrong(plan.error());
    for (const plan::Job& one : plan.value().jobs) job(one);
  }

  void scripts(const std::string& path) {
    const auto selection = plan::select({path}, std::nullopt);
    if (!selection.ok()) return wrong(selection.error());
    for (const plan::Selected& selected : selection.value().scripts) {
      plan::Job one;
      one.file = one.name = selected.path;
      one.format = selected.format;
      plan::read_script(one, selected.folder);
      job(one);
    }
  }

  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] size_t tests() const { return tests_; }

 private:
  void wrong(const Error& error) {
    if (told_.insert(error.full()).second) code_ = std::max(code_, complain(error));
  }

  void job(const plan::Job& job) {
    ++tests_;
    if (job.error) return wrong(*job.error);
    step(job, job.scripts);
    for (const plan::Step& further : job.further) step(further, job.scripts);
  }

  void step(const plan::Step& step, const plan::ScriptOptions& scripts) {
    const Status status = check_step(step, scripts);
    if (!status.ok()) wrong(status.error());
  }

  std::set<std::string> told_;
  size_t tests_ = 0;
  int code_ = exit_passed;
};

Result<int> run_check(const Arguments& arguments) {
  std::vector<std::string> paths = arguments.positionals();
  if (paths.empty()) paths.push_back(TRY(plan::manifest_path(std::nullopt, "nothing is named to check")));
  int code = exit_passed;
  for (const std::string& path : paths) {
    Check check;
    if (is_manifest(path)) {
      check.manifest(path);
    } else {
      check.scripts(path);
    }
    code = std::max(code, check.code());
    if (check.code() == exit_passed)
      CHECK_OK(print(fmt::format("ok    {} ({} {})\n", text::printable(path), check.tests(),
                                 check.tests() == 1 ? "test" : "tests")));
  }
  return code;
}

const Registration check(
    {.name = "check",
     .rank = 210,
     .summary = "what is wrong with manifests, scripts and documents",
     .synopsis = "[FILE...]",
     .examples = "testctr-script check\ntestctr-script check testctr.yaml tests/\n",
     .text = "Reads manifests (.yaml .yml) with all scripts that they name, scripts, documents "
             "and folders of them, and tells every mistake\n"
             "with its place; runs nothing. Without arguments: testctr.yaml here or in a "
             "folder above. Ends with 2 when something is wrong.\n",
     .run = run_check});

}  // namespace
}  // namespace testctr::cmd
