// What of this machine a test is given, and what is brought out: the words of `--bin`, `--mount` and
// `--artifacts`, and of the manifest's keys of these names.
#pragma once

#include <string>

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

/// "PATH" or "PATH=NAME". @param folder that a relative path starts from: empty, or with a "/" at the end.
/// Errors (usage): no such regular file, or not executable; a name with a "/" in it.
Result<HostProgram> host_program(const std::string& word, const std::string& folder);

/// "SRC:DST" or "SRC:DST:ro". Errors (usage): no such file or folder; a target that is not absolute, or that
/// the container itself needs.
Result<Mount> mount_of(const std::string& word, const std::string& folder);

/// "GLOB=DIR". Errors (usage): one of both is missing.
Result<Artifacts> artifacts_of(const std::string& word, const std::string& folder);

}  // namespace testctr::plan
