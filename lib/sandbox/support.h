// Why this machine refuses something, and the one line that mends it.
#pragma once

#include <string>

#include "base/result.h"

namespace testctr::sandbox {

/// The error for a failed attempt to make namespaces, with what this machine's settings say about the reason.
Error namespace_error(int number, const std::string& call);

/// What to do when user namespaces are not to be had.
std::string namespace_hint(int number);

}  // namespace testctr::sandbox
