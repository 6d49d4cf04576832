// What stops a test for its user: the lines that `--break` and `shell FILE:LINE` name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "interpret/console.h"
#include "plan/plan.h"

namespace testctr::cmd {

inline constexpr Option debug_option{
    .names = "--debug",
    .help =
        "where a line fails, stop there with a prompt, before anything is taken away (`help debug`);\n"
        "tests run one after the other"};
inline constexpr Option break_option{.names = "--break",
                                     .value = "[FILE:]LINE",
                                     .help = "as --debug, and stop before this line",
                                     .repeats = true};

/// "FILE:LINE", "LINE".
struct LineName {
  std::string file;  ///< empty: not named
  uint32_t line = 0;
};
/// Nothing where the word does not end with a line's number.
std::optional<LineName> line_name(const std::string& word);

/// The lines of the plan that a name means: a file may be named as the plan has it, or by its last
/// components. Errors (usage): it runs no such file; several, and none is named; there is no such line, or no
/// command in it, with the nearest line that has one. @param shown the option, for messages
Result<std::vector<interpret::Break>> breaks_of(const LineName& name, const plan::Plan& plan,
                                                const std::string& shown);

/// Whether `run` is to stop; what then cannot be asked for as well is a usage error.
Result<bool> wants_debugging(const Arguments& arguments);
/// The lines of `--break`.
Result<std::vector<interpret::Break>> breaks_of(const Arguments& arguments, const plan::Plan& plan);

}  // namespace testctr::cmd
