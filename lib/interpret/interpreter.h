// Carries out the lines of a script in the place where it is called: inside a container as its first process,
// or on the host in a process of its own. It does not know which. It owns all children of its process (it
// reaps with waitpid(-1)).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/event.h"
#include "interpret/state.h"
#include "script/script.h"

namespace testctr::interpret {

/// What the interpreter is told of its place.
struct Setting {
  std::string name = "container";  ///< of this place
  std::string work = "/work";      ///< $WORK: exists, empty, writable
  std::map<std::string, std::string>
      environment;  ///< the place's base, complete (WORK, TMPDIR, TREE, PATH, HOME, LANG, TZ are in it)
  int64_t case_timeout_ns = 30'000'000'000;    ///< per command
  uint64_t max_output = uint64_t{64} << 20;    ///< per command and stream
  std::string tree;                            ///< $TREE here
  std::function<void(uint32_t line)> at_line;  ///< told before each command (may be empty)
  std::function<std::vector<Denial>()>
      take_denials;  ///< what the filter refused since the last call (may be empty)
  int cancel_fd =
      -1;  ///< readable when the run is to stop now: kill everything, outcome not_run ("interrupted")
};

/// Carries out `script` from `from.position` on. At position 0 the archive's files are written below $WORK
/// first.
/// @return where to go on, or `done` with the outcome; a failing script is a value (Outcome::fail), not an
/// error.
Result<Continuation> carry_out(const script::Script& script, Continuation from, const Setting& setting,
                               EventSink& events);

}  // namespace testctr::interpret
