// Which files a manifest's `script:` names.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/select.h"

namespace testctr::plan {

/// A path, a folder (as on the command line) or a glob: `*`, `?` and `[...]` within a name, `**` for any
/// number of folders. What is named literally exists and has the extension of a script; what a glob finds
/// besides is passed over and counted.
/// @param prefix of the folder that it starts from: empty, or with a "/" at the end
/// @param format forced, when not empty
/// @return sorted by path, each path with the prefix. Errors (usage): nothing is found.
Result<Selection> select_for_manifest(const std::string& prefix, const std::string& pattern,
                                      const std::string& format);

}  // namespace testctr::plan
