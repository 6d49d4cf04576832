// `$NAME`, `${NAME}`, `${NAME@R}` and `${NAME?}` in unquoted text, by the rules of Go's os.Expand
// (script-language.md, section 2.1).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "script/script.h"

namespace testctr::interpret {

/// The value of a variable, nothing when it is unset.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// What a dialect knows beside `$NAME`.
struct Expansion {
  bool quoted = true;    ///< `${X@R}` is X's value quoted for a regular expression
  bool demanded = true;  ///< `${X?}` for an unset X is an error
  bool strict = false;   ///< so is every other unset variable
};

/// Expands `text`. Unset is empty. Errors (usage): `${X?}` for an unset X.
/// @param in_pattern every value is quoted for a regular expression
Result<std::string> expand(std::string_view text, const Lookup& lookup, bool in_pattern = false,
                           Expansion known = {});

/// The same for a text of any size: its parts go to `take` one after the other.
Status expand(std::string_view text, const Lookup& lookup,
              const std::function<Status(std::string_view part)>& take, Expansion known = {});

/// A word: its quoted parts as they are, the others expanded; never split again.
Result<std::string> expand(const script::Word& word, const Lookup& lookup, bool in_pattern = false,
                           Expansion known = {});

}  // namespace testctr::interpret
