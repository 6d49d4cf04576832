// Runs documents and gathers what would have to change in them so that they hold: `update` and `create`.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "commands.h"
#include "plan/plan.h"
#include "script/edit.h"

namespace testctr::cmd {

/// What one case needs.
struct Change {
  uint32_t line = 0;  ///< of its `$`
  std::string title;
  std::vector<script::Edit> edits;
};

/// One document of the plan.
struct Revision {
  std::vector<Change> changes;        ///< in the order of their places
  std::vector<std::string> problems;  ///< what does not hold and cannot be written: "file:line: reason"
};

struct Revisions {
  std::vector<Revision> documents;  ///< one for each job of the plan
  int code = 0;                     ///< of the run, where changes mend what failed in it
};

/// Runs the plan's documents. @param plan its jobs must be documents; they are made to tell their whole
/// output. @param arguments those of the command, for what they say about images. Errors: as of run_plan.
Result<Revisions> run_and_revise(plan::Plan plan, const Arguments& arguments);

}  // namespace testctr::cmd
