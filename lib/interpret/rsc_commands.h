// The commands of rsc.io/script that differ from ours in what they take or in what they answer.
#pragma once

#include "interpret/commands.h"

namespace testctr::interpret {

/// All of its commands, by name.
std::span<const CommandInfo> rsc_commands();

}  // namespace testctr::interpret
