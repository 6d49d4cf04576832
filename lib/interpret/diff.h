// Unified differences between two texts.
#pragma once

#include <string>
#include <string_view>

namespace testctr::interpret {

/// The difference with three lines of context: lines only in `expected` with `-`, lines only in `actual` with
/// `+`. Empty when they are equal. Bounded in time and size: of long texts a window around the first
/// difference is looked at, of a long result the beginning is kept, and both are said in the text.
std::string unified_diff(std::string_view expected_name, std::string_view expected,
                         std::string_view actual_name, std::string_view actual);

}  // namespace testctr::interpret
