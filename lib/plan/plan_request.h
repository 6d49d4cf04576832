// From a request, whatever it names, to a Plan.
#pragma once

#include "plan/make_plan.h"

namespace testctr::plan {

/// With words: those (`make_plan`). Without: the tests of the manifest that the request names, or of the one
/// in the current folder or above it. Errors (usage): of both; no manifest is found; options that go with the
/// other way alone.
Result<Plan> plan_request(const RunRequest& request, const Surroundings& here = surroundings());

/// The manifest that is meant where no words are given. Errors (usage): none is found.
/// @param wanted what is missing without it, for the message: "nothing is named to run"
Result<std::string> manifest_path(const std::optional<std::string>& named, std::string_view wanted);

}  // namespace testctr::plan
