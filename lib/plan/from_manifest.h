// From a manifest to the jobs of a plan. Starts nothing and resolves no image.
#pragma once

#include "plan/make_plan.h"
#include "plan/manifest.h"

namespace testctr::plan {

/// The tests of a manifest as a plan: `request.names` and `request.tags` select (all without them), with the
/// tests that these need; what the request gives stands above what the manifest says.
///
/// A test with `script:` is a job for each script, one with `sections:` one job; each for every combination
/// of its matrix. A script that cannot be read or parsed is a job with an error. Usage errors, all told at
/// once: whatever else in the manifest cannot be done, with its place; an unknown name or tag.
Result<Plan> plan_of_manifest(const Manifest& manifest, const RunRequest& request,
                              const Surroundings& here = surroundings());

/// Sets in `job` what a manifest says for all tests - not the tree, which is the script's folder where none
/// is given - and then what the request gives. For scripts that are named by themselves.
Status apply_settings(const Manifest& manifest, const RunRequest& request, const Surroundings& here,
                      Job& job);

}  // namespace testctr::plan
