// What a script has at hand while its lines are carried out: variables, directory, the last output,
// background commands; and how it tells what happens.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/buffer.h"
#include "interpret/children.h"
#include "interpret/interpreter.h"
#include "interpret/shell_state.h"
#include "interpret/variables.h"

namespace testctr::interpret {

struct Call;
class Debugger;
class MemberUpdates;
struct Rules;

/// A command that was started with `&` and not waited for yet.
struct Background {
  const script::Command* command = nullptr;
  std::string shown;         ///< with its expanded arguments
  std::string hint;          ///< for its failure
  Job* job = nullptr;        ///< of `sleep`: none
  uint64_t deadline_ns = 0;  ///< of `sleep`
  int signal = 0;            ///< that the script has sent it last: to die of it is no failure

  [[nodiscard]] const std::string& name() const { return command->background_name; }
};

/// What the next program is given to read, whether it then runs in the background or not.
struct NextInput {
  Fd file;                      ///< its stdin, from its beginning; not valid: /dev/null
  std::string typed;            ///< at a terminal of its own; empty: it gets none
  bool typed_is_stdin = false;  ///< that terminal is its stdin, too
  uint32_t line = 0;            ///< that said so
};

/// A command for the end of the script, and what it saw where it was written.
struct Deferred {
  const Rules* rules;
  std::shared_ptr<Call> call;
  Variables variables;
  std::string directory;
};

class Session {
 public:
  Session(const Setting& place, EventSink& sink, std::unique_ptr<Children> processes);

  const Setting& setting;
  const Rules* rules;  ///< of the script's dialect
  EventSink& events;
  std::unique_ptr<Children> children;
  Variables variables;
  std::string directory;  ///< working directory, absolute
  OutputBuffer out, err;  ///< of the last command that could produce output
  OutputBuffer tty;       ///< what the last program that had a terminal printed there
  std::optional<int> status;
  bool signalled = false;  ///< `status` is that of a signal
  NextInput input;
  std::list<Deferred> deferred;
  std::optional<int64_t> limit_ns;  ///< of `timeout`: in the place of the place's own
  std::optional<uint64_t>
      attempt_until;        ///< an attempt of `retry` that is not over then has failed, monotonic
  bool quiet = false;       ///< nothing is told but failures
  bool kept_quiet = false;  ///< there would have been output to be told
  std::list<Background> background;
  std::map<std::string, bool> exec_conditions;  ///< what [exec:...] found, by PATH and name
  const script::Command* command = nullptr;     ///< the one that is carried out
  std::list<script::Command> resolved;          ///< those that others point to, of dialects that resolve late
  std::vector<std::string> entered;             ///< the places that `testctr leave` goes back to
  std::string goes_to;                          ///< the place that the command has entered
  std::optional<ShellState> shell;              ///< of a document's shell here, when it was last left
  std::shared_ptr<MemberUpdates> updates;       ///< of the script, where they are asked for
  bool leaves = false;                          ///< the command was `testctr leave`
  Debugger* debugger = nullptr;                 ///< who stops between lines; null: nobody. Borrowed
  std::function<void()> late_failure;           ///< told of each failure; may be empty

  /// A name as the script means it: absolute, or below the working directory. In a guarded session that is
  /// for messages and for what never leaves it by a link; the others are opened by the two below.
  [[nodiscard]] std::string path(const std::string& name) const;
  /// A file as system calls (openat(2) and its like) take it, while this lives.
  struct Located {
    Fd held;
    std::string name;

    [[nodiscard]] int directory() const { return held.valid() ? held.get() : AT_FDCWD; }
  };
  /// Where a name lies. The last component's link is not followed. Errors, with the errno of a system call:
  /// EXDEV: it leads out of $WORK, which a guarded session does not follow.
  [[nodiscard]] Result<Located> locate(const std::string& name) const;
  /// stat(2) of what a name leads to. Errors: as for `locate`.
  [[nodiscard]] Result<struct stat> status_of(const std::string& name) const;
  /// Whether both lead to one file.
  [[nodiscard]] bool same_file(const std::string& one, const std::string& other) const;
  /// Opens what a name leads to, never through a magic link. Errors: as for `locate`.
  [[nodiscard]] Result<Fd> open(const std::string& name, int flags, mode_t mode = 0) const;
  /// What is wrong with a name: "NAME: No such file or directory", "NAME leads out of $WORK". @param error of
  /// one of the three above
  [[nodiscard]] static std::string describe(const std::string& name, const Error& error);
  /// A variable's value, with `${/}` and `${:}`.
  [[nodiscard]] std::optional<std::string> lookup(std::string_view name) const;
  /// The content of a file. Errors (usage): missing, a directory, a pipe (which could keep us waiting), too
  /// large.
  Result<OutputBuffer> load(const std::string& name) const;
  /// Whether a word stands for an output where one may be named: stdout, stderr and, in dialects that have
  /// terminals, ttyout.
  [[nodiscard]] bool is_output(std::string_view word) const;
  /// That output; null when it is none.
  [[nodiscard]] OutputBuffer* output_named(std::string_view word);
  /// A copy of one of these, or the content of a file. Errors: as for `load`
  Result<OutputBuffer> load_any(const std::string& name);
  /// The status of a program that has ended. @param ended as waitpid(2) gives it
  void set_status(int ended);

  void note(std::string_view text) { tell(Event::Kind::note, text); }
  void log(std::string_view text) { tell(Event::Kind::log, text); }
  /// An output event (or several, or its two ends when it is long) unless the buffer is empty.
  void tell_output(const char* stream, OutputBuffer& buffer);
  /// The last output, replaced by what a command of ours produced, and told.
  Status set_output(std::string_view text);

  /// `text` with the work directory's path as `$WORK`.
  [[nodiscard]] std::string masked(std::string_view text) const;

 private:
  void tell(Event::Kind kind, std::string_view text);
  /// A name below $WORK in a session that guards it: as it is there. Nothing: as the system has it.
  [[nodiscard]] std::optional<std::string> below_work(const std::string& name) const;
};

/// `path` without `.`, `..` and doubled slashes, by its text alone (as a shell's cd has it). @param path
/// absolute
std::string clean_path(const std::string& path);

/// The beginning and the end of a long text, for a failure.
std::string excerpt(std::string_view text);

/// The words of a command line, each in single quotes where it would not be read as it is.
std::string quoted_words(std::string_view name, const std::vector<std::string>& arguments);

/// "exit status 2" or "signal: killed (SIGKILL)". @param status as waitpid(2) gives it
std::string describe_status(int status);
/// The status as a number: 128+N for signal N.
int status_number(int status);

}  // namespace testctr::interpret
