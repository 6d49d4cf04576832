#include "revise.h"

#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "plan/gather.h"
#include "report/collector.h"
#include "report/terminal.h"
#include "revise_scripts.h"
#include "run/observe.h"
#include "run/observe_members.h"
#include "run/run.h"
#include "run_setup.h"

namespace testctr::cmd {
namespace {

/// Keeps what a script as a whole has to say for itself: errors, skips.
class Ends : public report::Reporter {
 public:
  Ends(const plan::Plan& plan, Revisions& revisions) : plan_(plan), revisions_(revisions) {}
  void script_ended(const report::ScriptReport& script) override {
    const bool is_script = plan_.jobs[script.index].format == plan::Format::script;
    // What stopped a document from outside leaves no case to tell of it.
    const bool told = script.outcome == Outcome::pass ||
                      (script.outcome == Outcome::fail && (is_script || !script.beyond_cases())) ||
                      (is_script && script.outcome == Outcome::skip);
    if (!told)
      revisions_.documents[script.index].problems.push_back(
          script.reason.empty() ? std::string(to_string(script.outcome)) : script.reason);
  }

 private:
  const plan::Plan& plan_;
  Revisions& revisions_;
};

class Reviser {
 public:
  Reviser(const plan::Plan& plan, Revisions& revisions) : plan_(plan), revisions_(revisions) {}

  Status read() {
    for (const plan::Job& job : plan_.jobs) {
      documents_.emplace_back();
      if (job.error || job.format == plan::Format::script) continue;
      documents_.back() = TRY(
          script::read_document(plan::dialect_of(job.format), job.name, job.source, job.documents.reading));
    }
    return {};
  }

  void take(run::ObservedCase ended) {
    Revision& revision = revisions_.documents[ended.script];
    if (ended.shell_ended && ended.file.empty()) revision.shell_ended_line = ended.line;
    if (ended.outcome == Outcome::pass) return;
    const size_t problems = revision.problems.size();
    const plan::Job& job = plan_.jobs[ended.script];
    const std::string place =
        fmt::format("{}:{}", text::printable(ended.file.empty() ? job.name : ended.file), ended.line);
    Result<Change> change = change_for(job, documents_[ended.script], ended);
    if (!change.ok()) {
      // What lib/script says has its place already.
      const std::string said(text::trim(change.error().message()));
      revision.problems.push_back(said.starts_with(place) ? said : fmt::format("{}: {}", place, said));
    } else if (change.value().edits.empty()) {
      revision.problems.push_back(fmt::format("{}: nothing that can be written would make it pass", place));
    } else {
      revision.changes.push_back(std::move(change).value());
    }
    if (revision.problems.size() > problems && revision.problem_line == 0) revision.problem_line = ended.line;
  }

 private:
  static Result<Change> change_for(const plan::Job& job, const script::Document& document,
                                   const run::ObservedCase& ended) {
    if (!ended.file.empty()) return Error::usage("it belongs to an included document: update that one");
    if (ended.outcome != Outcome::fail || (!ended.code && !ended.reason.empty()))
      return Error::usage(ended.reason.empty() ? std::string(to_string(ended.outcome)) : ended.reason);
    if (!ended.code) return Error::usage("it did not end by itself, and might have printed more");
    if (ended.cut)
      return Error::usage(fmt::format("it printed more than {}, which does not belong into a document",
                                      text::human_size(run::CaseObserver::most_output)));
    for (const script::Case& test : document.cases) {
      if (test.line != ended.line) continue;
      script::CompareOptions options{document.dialect, job.documents.reading.compat,
                                     ended.values ? &*ended.values : nullptr};
      script::Variables none;
      const bool interpolated =
          test.config.interpolated.value_or(document.config.defaults.interpolated.value_or(false));
      if (interpolated && options.variables == nullptr) options.variables = &none;
      return Change{test.line, test.title,
                    TRY(script::edits_for(document, test, {ended.output, *ended.code}, options))};
    }
    return Error::infrastructure("the container told of a case that the document does not have");
  }

  const plan::Plan& plan_;
  Revisions& revisions_;
  std::vector<script::Document> documents_;
};

}  // namespace

std::vector<RevisedFile> Revisions::files(const plan::Plan& plan) const {
  std::vector<RevisedFile> all;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const plan::Job& job = plan.jobs[i];
    // A script that went wrong as a whole has its problem here, and its changes, if any, below.
    if (job.format == plan::Format::script && documents[i].problems.empty()) continue;
    all.push_back({job.file, job.name, job.source, "case", documents[i]});
  }
  all.insert(all.end(), scripts.begin(), scripts.end());
  return all;
}

Result<Revisions> run_and_revise(plan::Plan plan, const Arguments& arguments) {
  const uint64_t started = sys::monotonic_ns();
  for (plan::Job& job : plan.jobs) job.documents.whole_output = true;
  CHECK_OK(ask_for_updates(plan));
  Revisions revisions;
  revisions.documents.resize(plan.jobs.size());
  Reviser reviser(plan, revisions);
  CHECK_OK(reviser.read());
  report::Collector collector(/*everything=*/false);
  collector.add(std::make_unique<Ends>(plan, revisions));
  report::RunStart start;
  start.scripts = plan.jobs.size();
  collector.start(start);
  run::CaseObserver cases(collector, [&](run::ObservedCase ended) { reviser.take(std::move(ended)); });
  run::MemberObserver observer(plan, cases);
  RunSetup setup = TRY(set_up_run(arguments, plan));
  run::Options& how = setup.how;
  how.note = [](const std::string& note) { complain(note); };
  const run::Summary summary = TRY(run::run_plan(plan, observer, how));
  report::RunEnding ending;
  ending.timed_out = summary.timed_out;
  if (summary.interrupted) ending.signal = setup.signals.received();
  ending.duration_ns = static_cast<int64_t>(sys::monotonic_ns() - started);
  CHECK_OK(collector.finish(ending));
  revisions.code = collector.tally().exit_code(ending);
  revisions.scripts = revise_scripts(plan, observer.ended(), /*all=*/true);
  bool problems = false;
  for (const RevisedFile& script : revisions.scripts)
    problems = problems || !script.revision.problems.empty();
  for (const Revision& revision : revisions.documents) problems = problems || !revision.problems.empty();
  if (revisions.code == exit_failed && !problems) revisions.code = exit_passed;
  return revisions;
}

}  // namespace testctr::cmd
