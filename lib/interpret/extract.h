// Writes the files of a script below its work directory, never anywhere else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "interpret/session.h"
#include "script/script.h"

namespace testctr::interpret {

/// A name as it is written: relative, without `.`, `..` and doubled slashes. A name that begins with `work`
/// (because it was written $WORK/x) is taken as relative to it. Errors (usage): empty, absolute, outside.
Result<std::string> normal_name(std::string_view name, std::string_view work);

/// Writes all files with mode 0666 and directories with 0777, less the umask, below the working directory
/// that a script begins with. Names are expanded with the session's variables. Links are never followed.
/// Errors: a bad or doubled name (usage, with the marker's line), what the file system says (infrastructure).
Status extract(const script::Script& script, const Session& session);

}  // namespace testctr::interpret
