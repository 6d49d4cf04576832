#include "script/python_regex.h"

namespace testctr::script {

std::optional<std::string> python_regex(std::string_view pattern) { return std::string(pattern); }

}  // namespace testctr::script
