// Python's regular expressions on bytes, as far as RE2 can carry them out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace testctr::script {

/// `pattern` in RE2's words, so that it matches what Python's `re` matches; nothing when Python takes it for
/// invalid or it needs what RE2 has not (look-around, references back).
std::optional<std::string> python_regex(std::string_view pattern);

}  // namespace testctr::script
