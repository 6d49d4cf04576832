// Runs documents and scripts, and gathers what would have to change in them so that they hold: `update` and
// `create`.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "commands.h"
#include "plan/plan.h"
#include "script/edit.h"

namespace testctr::cmd {

/// What one case, or one comparison, needs.
struct Change {
  uint32_t line = 0;  ///< of its `$`, or its command
  std::string title;
  std::vector<script::Edit> edits;
};

/// What is to change in one file.
struct Revision {
  std::vector<Change> changes;        ///< in the order of their places
  std::vector<std::string> problems;  ///< what does not hold and cannot be written: "file:line: reason"
  uint32_t problem_line = 0;          ///< of the first case that has one; 0: none has
  uint32_t shell_ended_line = 0;      ///< of the case that ended a Cram document's shell; 0: none did
};

/// A file with what is to change in it.
struct RevisedFile {
  std::string file;       ///< where it is
  std::string name;       ///< as it is called in messages
  std::string source;     ///< what it held when it ran
  std::string_view unit;  ///< what each change is for: "case", "comparison"
  Revision revision;
};

struct Revisions {
  std::vector<Revision> documents;   ///< one for each job of the plan; of a script what went wrong as a whole
  std::vector<RevisedFile> scripts;  ///< those of the plan's jobs
  int code = 0;                      ///< of the run, where changes mend what failed in it

  /// All files, documents first. @param plan that was run
  [[nodiscard]] std::vector<RevisedFile> files(const plan::Plan& plan) const;
};

/// Runs the plan. @param plan its documents are made to tell their whole output, its scripts what their
/// comparisons want. @param arguments those of the command, for what they say about images. Errors: as of
/// run_plan.
Result<Revisions> run_and_revise(plan::Plan plan, const Arguments& arguments);

}  // namespace testctr::cmd
