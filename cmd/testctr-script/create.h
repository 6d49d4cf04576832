// Documents made from commands.
#pragma once

#include <string>
#include <vector>

#include "commands.h"

namespace testctr::cmd {

/// A document whose cases are these commands, with what they print in a fresh container.
/// @param name of its file, which its folder in the container is called by. Errors: of the
/// request (usage), of the run; what a case prints cannot stand in a document (infrastructure).
Result<std::string> create_document(const Arguments& arguments, const std::string& image,
                                    const std::vector<std::string>& commands, const std::string& title,
                                    const std::string& name, bool cram);

}  // namespace testctr::cmd
