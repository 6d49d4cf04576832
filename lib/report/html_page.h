// The constant parts of the HTML report: what it looks like and what it does, as plain text.
#pragma once

#include <string_view>

namespace testctr::report {

extern const std::string_view page_style;
extern const std::string_view page_script;
/// What stands in the body behind the summary: the time line, the filter, the list, all still empty.
extern const std::string_view page_body;

}  // namespace testctr::report
