// Findings as SARIF 2.1.0, which code hosts and editors read.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/lint.h"

namespace testctr::cmd {

/// One run with its rules and results, as text.
/// @param source what a file holds, by its name, where that is known: columns are counted in characters there
std::string sarif(const std::vector<interpret::Finding>& findings,
                  const std::function<std::optional<std::string_view>(const std::string& file)>& source);

}  // namespace testctr::cmd
