// Which files the named paths give: files as they are, folders by what lies in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::plan {

/// A script to run.
struct Selected {
  std::string path;  ///< as it is shown: what the user wrote, and for a folder's file the folder and its name
  std::string folder;  ///< absolute path, links resolved, of the folder that it lies in
  Format format = Format::script;
};

struct Selection {
  std::vector<Selected> scripts;  ///< in the order of naming; a folder's sorted by path; each once
  uint64_t not_tests = 0;
  std::vector<std::string> notes;
};

/// @param forced `--format`, for files that are named. Every path that cannot be selected is told of in one
/// usage error.
Result<Selection> select(const std::vector<std::string>& paths, const std::optional<std::string>& forced);

}  // namespace testctr::plan
