#include "revise_scripts.h"

#include "base/text.h"
#include "run/script_updates.h"

namespace testctr::cmd {

Status ask_for_updates(plan::Plan& plan) {
  for (plan::Job& job : plan.jobs) {
    job.update = job.format == plan::Format::script;
    for (const plan::Step& step : job.further) job.update = job.update || step.format == plan::Format::script;
    const bool other =
        job.update && (job.language == script::Language::rsc || job.language == script::Language::cmdgo);
    if (other)
      return Error::usage(fmt::format("{}: scripts of the dialect {} are not updated",
                                      text::printable(job.name), script::to_string(job.language)))
          .hint("those of testctr and testscript are");
    if (job.update && !job.layer.empty())
      return Error::usage(fmt::format("{}: it comes from a layer, where it cannot be updated",
                                      text::printable(job.name)))
          .hint("run the file itself, without --layer");
  }
  return {};
}

std::vector<RevisedFile> revise_scripts(const plan::Plan& plan,
                                        const std::map<uint32_t, run::ObservedScript>& ended, bool all) {
  std::vector<RevisedFile> files;
  for (run::ScriptUpdate& update : run::script_updates(plan, ended, all)) {
    RevisedFile file{
        std::move(update.file), std::move(update.name), std::move(update.source), "comparison", {}};
    file.revision.problems = std::move(update.problems);
    for (run::MemberChange& change : update.changes)
      file.revision.changes.push_back({change.line, std::move(change.title), std::move(change.edits)});
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace testctr::cmd
