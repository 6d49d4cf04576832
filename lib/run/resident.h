// What the process in a place does, in a container as PID 1 and on the host alike: it takes orders from the
// channel, carries them out, says what happened, and does what others ask of the place in between.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "interpret/event.h"

namespace testctr::run {

/// What the place knows of itself.
struct Surroundings {
  std::string home;                                   ///< HOME where the assignment has none; empty: none
  std::function<void(uint32_t line)> at_line;         ///< as in interpret::Setting
  std::function<std::vector<Denial>()> take_denials;  ///< as there
  std::vector<std::string> notes;                     ///< to be told
};

/// Serves the channel until the test is at its end. @param channel a connected stream socket, borrowed
/// @return the process's exit status: 0 when the channel was told how it ended, 1 otherwise
int reside(int channel, const Surroundings& surroundings);

/// Tells the outside why there will be nobody to serve the channel.
void tell_failure(int channel, const Error& error);

}  // namespace testctr::run
