// Programs of the host that are given to containers (`--bin`): whether they can be started there.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "image/image.h"
#include "plan/plan.h"

namespace testctr::run {

/// Looks for what the programs of a job need in the root that they will be in, with the job's mounts. A usage
/// error names all that is missing: whoever chose program and image has to choose others.
/// @param image what the root is of, for messages @param environment what they will be started with
Status check_programs(const plan::Job& job, const std::string& image, const image::RootFilesystem& root,
                      const std::map<std::string, std::string>& environment);

/// The names that programs of the host have inside.
std::vector<std::string> names_of(const std::vector<plan::HostProgram>& programs);

/// Where a program of the host lies inside.
std::string path_inside(const plan::HostProgram& program);

}  // namespace testctr::run
