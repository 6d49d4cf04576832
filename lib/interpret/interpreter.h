// Carries out the lines of a script in the place where it is called: inside a container as its first process,
// or on the host in a process of its own. It does not know which. It owns all children of its process (it
// reaps with waitpid(-1)).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/console.h"
#include "interpret/event.h"
#include "interpret/request.h"
#include "interpret/state.h"
#include "script/document.h"
#include "script/script.h"

namespace testctr::interpret {

class Children;
struct DocumentSetting;
struct Standpoint;

/// What the interpreter is told of its place.
struct Setting {
  std::string name = "container";  ///< of this place
  std::string work = "/work";      ///< $WORK: exists, empty, writable
  /// The place's base, complete (WORK, TMPDIR, TREE, PATH, HOME, LANG, TZ are in it); PWD is added.
  std::map<std::string, std::string> environment;
  int64_t case_timeout_ns = 30'000'000'000;    ///< per command
  uint64_t max_output = uint64_t{64} << 20;    ///< per command and stream
  std::string tree;                            ///< $TREE here
  std::string control;                         ///< for the files of a document's shell; empty: below $WORK
  std::vector<std::string> programs;           ///< names that are commands: `NAME ARG` means `exec NAME ARG`
  bool network = false;                        ///< [net]
  std::map<std::string, bool> conditions;      ///< beside those that there are, and whether they hold
  bool strict_env = false;                     ///< an unset variable is an error
  bool short_run = false;                      ///< [short]
  bool verbose = false;                        ///< [verbose]
  std::function<void(uint32_t line)> at_line;  ///< told before each command (may be empty)
  /// What the filter refused since the last call (may be empty).
  std::function<std::vector<Denial>()> take_denials;
  /// Asks the program outside for something that `testctr` is to do, and waits for its answer; empty: nobody
  /// is there to be asked.
  std::function<Result<Reply>(const Request&)> ask;
  /// Nothing that lies below $WORK is reached through links that lead out of it: others write there, too.
  bool guarded = false;
  /// Comparisons that do not hold are told (Event::Kind::compared) where a file of the script can be written
  /// so that they do, and then succeed.
  bool update = false;
  /// Readable when the run is to stop now: everything is killed, the outcome is not_run ("interrupted").
  int cancel_fd = -1;
  /// Told of each failure, before anything of the test is taken away (may be empty); it may take its time.
  std::function<void(const Standpoint&)> at_failure;
  /// In place of carrying out the first line and all others: told where it stands (may be empty). The outcome
  /// is not_run.
  std::function<void(const Standpoint&)> at_begin;
  /// Who has the say where a line fails, and before those of `breaks`; null: nobody. Borrowed
  Console* console = nullptr;
  std::vector<Break> breaks;
  /// In place of carrying out a line of `breaks` and what follows: told where it stands. The outcome is
  /// not_run.
  std::function<void(const Standpoint&)> at_break;
};

/// What can be said against a script before it runs: commands and conditions that do not exist, a wrong
/// number of arguments, patterns without variables that are no regular expressions.
/// @param programs, conditions as in Setting
/// @return all such errors in one (usage), a line for each, which begins with "name:line:column: ".
Status check(const script::Script& script, const std::vector<std::string>& programs = {},
             const std::map<std::string, bool>& conditions = {});

/// The variables that a script of that dialect begins with, beside its place's.
std::span<const char* const> prepared_variables(script::Language language);

/// The lines of one test in one place. It lives as long as the place does: what was started in the background
/// goes on while other places have their turn, and is judged at the end.
class Interpreter {
 public:
  /// The reaping of all children and SIGCHLD belong to it while it lives. @param setting, events outlive it
  static Result<std::unique_ptr<Interpreter>> create(const Setting& setting, EventSink& events);
  ~Interpreter();

  /// Carries out `script` from `from.position` on, until it ends, fails, or goes on in another place. At
  /// position 0 the archive's files are written below $WORK first. Events are told as they happen;
  /// script_started and script_ended are not among them, they are the caller's. @param script outlives this
  /// @return `done` with the outcome; or, with a target, where to go on: at the end of the script that is
  /// this place. A failing script is a value (Outcome::fail), not an error. Errors: the script cannot be
  /// understood
  /// (`check`, Fault::usage), its files cannot be written, the machine refuses what is needed
  /// (Fault::infrastructure).
  Result<Continuation> carry_out(const script::Script& script, Continuation from);
  /// The same for the cases of a document (interpret/documents.h): `position` counts those of all parts.
  /// @param parts outlives this
  Result<Continuation> carry_out(const std::vector<script::Document>& parts, size_t main, Continuation from,
                                 const DocumentSetting& how);
  /// The end of the test: what still runs in the background is judged, unless the test has failed already,
  /// and stopped; when it returns, nothing that the test started here is alive.
  /// @return the outcome with that: `so_far`, or fail
  Outcome finish(Outcome so_far);
  /// With a console: the next line is to be stopped before, or not.
  void step(bool stepping);
  [[nodiscard]] Children& children();

 private:
  struct Impl;
  explicit Interpreter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A script that has no place but this: `carry_out` and `finish`.
/// @return where it went on, or `done`
Result<Continuation> carry_out(const script::Script& script, Continuation from, const Setting& setting,
                               EventSink& events);

}  // namespace testctr::interpret
