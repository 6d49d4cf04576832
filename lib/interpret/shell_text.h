// What a document's shell is told: how to begin, how to write its state down, how to read it back. Only
// texts; lib/interpret/shell.h sends them.
#pragma once

#include <string>

#include "interpret/shell.h"

namespace testctr::interpret {

/// The files below the control directory that a shell sources. @param control that directory, absolute
struct ShellTexts {
  std::string init;   ///< before the first case
  std::string leave;  ///< our EXIT trap: the shell is about to end
  std::string dump;   ///< writes `control`/state, whose last line is `state_end`
};
ShellTexts shell_texts(ShellKind kind, const std::string& control);
/// What tells all that the shell has set, for `ShellState`: bash as records in `control`/crossing, others in
/// the files variables, exports, aliases and options. Sourced in a fork of the shell.
std::string shell_cross_text(ShellKind kind, const std::string& control);

extern const std::string state_end;

}  // namespace testctr::interpret
