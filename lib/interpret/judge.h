// What an answer means for the script: the meaning of `!` and `?`, and how a failure is told.
#pragma once

#include "interpret/commands.h"

namespace testctr::interpret {

enum class Verdict : uint8_t { go_on, failed, stop, skip, cancelled };

/// What an answer means for what stands before the command (`!`, `?`, `!N`): done when that is content with
/// it, else the failure to be told.
Answer weigh(Session& session, const script::Command& command, Answer answer);

/// Judges what `command` answered; a failure is told at its line. @param shown the command with its expanded
/// arguments
Verdict judge(Session& session, const script::Command& command, const std::string& shown, Answer answer);

/// The same for a background command that has ended. @return whether all is well
bool judge_background(Session& session, const Background& background, Answer answer);

/// Tells what the filter refused since the last call, and remembers it for the hint of a failure.
std::string tell_denials(Session& session);

}  // namespace testctr::interpret
