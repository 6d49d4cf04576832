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

/// As run::script_updates.
std::vector<RevisedFile> revise_scripts(const plan::Plan& plan,
                                        const std::map<uint32_t, run::ObservedScript>& ended, bool all);

}  // namespace testctr::cmd
