// State and Continuation: all that must cross when the carrying-out of a script moves to another place.
// Values that can be written down (CBOR, versioned) and read back; what comes from a container is hostile and
// is checked on reading.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "interpret/event.h"

namespace testctr {

/// A token that stands for the work directory's path in values that cross between places ("\0WORK\0").
extern const std::string work_token;
/// The same for the value of PATH that a place begins with: within the value of PATH alone ("\0PATH\0").
extern const std::string path_token;

struct State {
  /// The environment as a difference from the place's own base: a value, or nothing for "unset".
  std::map<std::string, std::optional<std::string>> environment;
  std::string directory;  ///< working directory; below $WORK with the token in its place
  std::string stdout_buffer, stderr_buffer;
  std::optional<int> status;  ///< of the last command: exit status, or 128+N for signal N
  bool signalled = false;     ///< `status` is a signal's
  std::vector<std::string>
      targets;  ///< the places that `testctr leave` goes back to, the last one first to go
  /// What a document's shell has set, as its own dialect reads it back; empty: nothing.
  std::string shell;
  int64_t spent_ns = 0;  ///< the time that the step has taken so far; known outside
  uint32_t line = 0;     ///< of the last command carried out
  std::string phase;     ///< title of the phase it is in
  bool operator==(const State&) const = default;
};

/// Where a place is to go on from, or how it ended.
struct Continuation {
  uint32_t step = 0;      ///< index of the job's step
  uint32_t position = 0;  ///< index of the next command (or case) in it
  State state;
  /// The place that carries out what follows; empty when done. Behind the last command of a step: the place
  /// that it ended in.
  std::string target;
  bool extracted = false;  ///< the files of the step's archive are there
  bool done = false;
  Outcome outcome = Outcome::pass;  ///< when done
  std::string reason;               ///< of skip or error
  bool operator==(const Continuation&) const = default;
};

Json to_wire(const Continuation& continuation);
Result<Continuation> continuation_from_wire(const Json& wire);

}  // namespace testctr
