// Times as people write them in documents.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace testctr::script {

/// Parses "300ms", "3m 3s", "2h", "1h30m", "1.5s": numbers with units from ns to years. @return nanoseconds.
/// Errors (usage): a sentence without place; a number without its unit says how to mend it.
Result<int64_t> parse_human_duration(std::string_view text);

}  // namespace testctr::script
