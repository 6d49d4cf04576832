// Variables in expected lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "script/expectation.h"

namespace testctr::script {

/// `text` with `$NAME` and `${NAME}` as `quote(value)` and `$$` as `$`; unknown names stay as they are.
/// Under `Compat::scrut` a name in braces has no underscore.
std::string interpolate(std::string_view text, const Variables& variables, Compat compat,
                        const std::function<std::string(std::string_view)>& quote);

/// `text` such that `interpolate` gives it back, whatever variables there are.
std::string quote_interpolation(std::string_view text);

}  // namespace testctr::script
