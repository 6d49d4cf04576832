// What `replace` is made of: strings as Go writes them between double quotes, and the replacement of several
// strings at once.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace testctr::interpret {

/// The string that `"text"` is in Go (escapes \a \b \f \n \r \t \v \\ \" \ooo \xhh \uhhhh \Uhhhhhhhh). Errors
/// (usage) name the escape.
Result<std::string> unquote_go(std::string_view text);

/// `text` with every old string replaced by its new one, in one pass from the front: at each byte the first
/// pair that fits is taken, and what was put in is not looked at again. An empty old string fits before every
/// byte and at the end, once.
/// The result goes to `take` in parts.
Status replace_all(std::string_view text, std::span<const std::pair<std::string, std::string>> pairs,
                   const std::function<Status(std::string_view part)>& take);

}  // namespace testctr::interpret
