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
  /// The place's base, complete (WORK, TMPDIR, TREE, PATH, HOME, LANG, TZ are in it); PWD is added.
  std::map<std::string, std::string> environment;
  int64_t case_timeout_ns = 30'000'000'000;    ///< per command
  uint64_t max_output = uint64_t{64} << 20;    ///< per command and stream
  std::string tree;                            ///< $TREE here
  std::vector<std::string> programs;           ///< names that are commands: `NAME ARG` means `exec NAME ARG`
  bool network = false;                        ///< [net]
  bool short_run = false;                      ///< [short]
  bool verbose = false;                        ///< [verbose]
  std::function<void(uint32_t line)> at_line;  ///< told before each command (may be empty)
  /// What the filter refused since the last call (may be empty).
  std::function<std::vector<Denial>()> take_denials;
  /// Readable when the run is to stop now: everything is killed, the outcome is not_run ("interrupted").
  int cancel_fd = -1;
};

/// What can be said against a script before it runs: commands and conditions that do not exist, a wrong
/// number of arguments, patterns without variables that are no regular expressions. @param programs as in
/// Setting
/// @return all such errors in one (usage), a line for each, which begins with "name:line:column: ".
Status check(const script::Script& script, const std::vector<std::string>& programs = {});

/// Carries out `script` from `from.position` on. At position 0 the archive's files are written below $WORK
/// first. Events are told as they happen; script_started and script_ended are not among them, they are the
/// caller's. The reaping of all children and SIGCHLD belong to this function while it runs; when it returns,
/// nothing that the script started is alive.
/// @return where to go on, or `done` with the outcome; a failing script is a value (Outcome::fail), not an
/// error. Errors: the script cannot be understood (`check`, Fault::usage), its files cannot be written, the
/// machine refuses what is needed (Fault::infrastructure).
Result<Continuation> carry_out(const script::Script& script, Continuation from, const Setting& setting,
                               EventSink& events);

}  // namespace testctr::interpret
