// What the comparisons of a run want written into its scripts, as changes to their files (`--update`).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "run/observe_members.h"
#include "script/edit.h"

namespace testctr::run {

/// What one comparison needs.
struct MemberChange {
  uint32_t line = 0;  ///< of the command
  std::string title;  ///< the command
  std::vector<script::Edit> edits;
};

/// One file with scripts that have run.
struct ScriptUpdate {
  std::string file;    ///< as plan::Step::file
  std::string name;    ///< as it is called in messages
  std::string source;  ///< what it held
  std::vector<MemberChange> changes;
  std::vector<std::string> problems;  ///< what cannot be written: "file:line: reason"
};

/// The scripts of the plan for which there is something to write or to say, in the plan's order; a file that
/// several jobs run is one. What was told is believed where the script, as it stands in the plan, has such
/// a comparison, and all who run the file want the same of it.
/// @param all scripts for which there is nothing, too, and failures that are not about what could be updated:
/// nobody else tells of them
std::vector<ScriptUpdate> script_updates(const plan::Plan& plan,
                                         const std::map<uint32_t, ObservedScript>& ended, bool all);

}  // namespace testctr::run
