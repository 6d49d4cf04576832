// A user's defaults (plan/user_config.h) below what the command line says.
#pragma once

#include "commands.h"

namespace testctr::cmd {

inline constexpr Option no_config_option{
    .names = "--no-config",
    .help = "without the defaults of your config.yaml (`testctr-script help config`)"};

/// The arguments with the user's defaults where the command line says nothing itself, nor anything that would
/// exclude them. With --verbose, what was taken is told on standard error. Errors (usage): of the file.
Result<Arguments> with_user_defaults(Arguments arguments);

}  // namespace testctr::cmd
