// What the comparisons of a run want written into its scripts, as changes to their files.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "plan/plan.h"
#include "revise.h"
#include "run/observe_members.h"

namespace testctr::cmd {

/// Has the jobs of a plan that hold scripts tell what their comparisons want. Errors (usage): one comes from
/// a layer, where it cannot be written.
Status ask_for_updates(plan::Plan& plan);

/// The scripts of the plan for which there is something to write or to say, in the plan's order; a file that
/// several jobs run is one. What was told is believed where the script, as it stands in the plan, has such
/// a comparison, and all who run the file want the same of it.
/// @param all also failures that are not about what could be updated: nobody else tells of them
std::vector<RevisedFile> revise_scripts(const plan::Plan& plan,
                                        const std::map<uint32_t, run::ObservedScript>& ended, bool all);

}  // namespace testctr::cmd
