// A command whose words are expanded, and what is done with it: carried out now, or by one of the commands
// that carry out another (`defer`, `retry`, `timeout`).
#pragma once

#include <memory>
#include <string>

#include "interpret/commands.h"

namespace testctr::interpret {

struct Call {
  const script::Command* command = nullptr;
  std::unique_ptr<script::Command> owned;  ///< `command`, where it is no line of its own
  const CommandInfo* info = nullptr;       ///< null: a program
  Arguments arguments;
  std::string shown;  ///< the command with them
  /// Of `defer`, `retry`, `timeout`: what they carry out. Their own words are `arguments`.
  std::unique_ptr<Call> inner;
};

/// Expands the words of `command`, which is one of the dialect's or a program. @param command outlives the
/// call Errors (usage): a variable that has to be set is not; what is to be carried out is no command
Result<Call> call_of(Session& session, const script::Command& command);

/// Carries it out.
Answer make(Session& session, Call& call);

/// Which argument of a command is a regular expression, by its words before they are expanded; SIZE_MAX:
/// none.
size_t pattern_argument(const script::Command& command);

}  // namespace testctr::interpret
