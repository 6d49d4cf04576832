// Which images a plan needs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

/// The references of all images that the tests of a plan can run in or start: of tests, sections, documents
/// and services, and those that lines name (`testctr start IMAGE`) or `images:` allows. Sorted, each once, as
/// they are written. Errors: of a test that cannot be read, since nobody knows what it needs.
Result<std::vector<std::string>> images_of(const Plan& plan);
/// The same of one job.
std::vector<std::string> images_of(const Job& job);

}  // namespace testctr::plan
