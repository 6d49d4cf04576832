// Files as a prompt shows them: looked at by ourselves, since the image may have no programs for that.
#pragma once

#include <string>

#include "interpret/session.h"

namespace testctr::interpret {

/// What lies below $WORK, a line for each: kind, size and name; links are not followed. Bounded.
/// @param pattern of the names, as a shell has them, or of their last components; empty: all
std::string list_files(const Session& session, const std::string& pattern);

/// What a folder holds, in the same form. @param name relative to `directory`, which is absolute
std::string list_folder(const Session& session, const std::string& directory, const std::string& name);

/// The beginning of a file. @return its content, or why it cannot be shown
std::string show_file(const Session& session, const std::string& directory, const std::string& name);

}  // namespace testctr::interpret
