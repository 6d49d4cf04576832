// What goes into XML documents.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace testctr::report {

/// Text for XML 1.0: escaped; escape sequences of terminals and control characters left out, bytes that are
/// not UTF-8 as U+FFFD.
std::string xml_text(std::string_view bytes);

/// "2026-01-31T12:00:00Z". @param wall_ns since the epoch
std::string timestamp_of(uint64_t wall_ns);

}  // namespace testctr::report
