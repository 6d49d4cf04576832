// Finds programs by the script's own PATH, and says in words why one cannot be started. Depends on nothing of
// the image.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::interpret {

/// The program `name`: a word with `/` as it is, else the first executable file of that name in `path`.
/// @param directory for relative parts of `path` (an empty part is the directory itself). @return a path,
/// absolute or relative to `directory`; error (usage): not found.
Result<std::string> find_program(std::string_view name, std::string_view path, const std::string& directory);

/// Why execve(2) of `path` failed with `number`: not found, not executable, its interpreter or loader
/// missing, another architecture.
/// @param path as execve got it, relative to `directory`
Error explain_start(const std::string& path, const std::string& directory, int number);

}  // namespace testctr::interpret
