// What a request, from the command line or a manifest, may name: folders, files, variables, scripts.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "plan/make_plan.h"

namespace testctr::plan {

/// realpath(3). Errors are usage errors.
Result<std::string> real_path(const std::string& path);

/// The variables of `--env` and `--pass-env`.
Result<std::map<std::string, std::string>> variables(const RunRequest& request, const Surroundings& here);

/// Whether a folder must not be shown to a script as its tree.
/// @param folder absolute path, links resolved
bool is_too_much(const std::string& folder, const Surroundings& here);

/// The folder that was asked for as the test tree, as an absolute path.
/// @param option for messages: "--tree"
Result<std::string> tree_folder(std::string_view option, const std::string& word, const Surroundings& here);

/// An existing folder, an existing regular file: its absolute path.
Result<std::string> real_folder(const std::string& word);
Result<std::string> regular_file(std::string_view option, const std::string& word);

/// The name of a filter, or the absolute path of a profile.
Result<std::string> seccomp_choice(std::string_view option, const std::string& word);

/// Reads `job.file` and parses it; what goes wrong is kept in the job, since the other scripts can run.
/// @param folder absolute path of the folder that it lies in
void read_script(Job& job, const std::string& folder);

/// The same where `job.source` is there already.
void check_source(Job& job, const std::string& folder);

}  // namespace testctr::plan
