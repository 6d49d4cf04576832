// What a Git work tree says has changed.
#pragma once

#include <set>
#include <string>

#include "base/result.h"

namespace testctr::plan {

/// The files that differ between a commit and the work tree around the current folder, with those that Git
/// does not track and does not ignore: absolute paths, links of folders resolved. A file that is gone counts,
/// and so does one that was renamed, by both names.
/// @param since a commit, as git names them; it is not given to git as an option, whatever it begins with.
/// Errors (usage): no work tree is here, the commit is unknown; (infrastructure) git is not there or fails.
Result<std::set<std::string>> changed_files(const std::string& since);

}  // namespace testctr::plan
