// The shell of a document: one process that stays and sources one case after the other, so that what a case
// sets is there for the next. When it dies in a case, its state goes on in a new one: as it was when the
// shell ended, if it could still write it down (`exit`), else as it was at the end of the last case, from a
// standby: a fork that the shell makes after every case and that waits.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "interpret/children.h"
#include "interpret/shell_state.h"
#include "script/document.h"

namespace testctr::interpret {

/// What a shell can be told: bash all, others what POSIX has.
enum class ShellKind : uint8_t { bash, posix };

struct ShellSetting {
  std::string program;    ///< path of the shell, inside
  std::string control;    ///< directory for our files: exists, empty, absolute
  std::string directory;  ///< where it begins
  std::map<std::string, std::string> environment;
  /// Cram: a shell that has ended has ended.
  bool one_process = false;
};

/// A case as the shell is to run it.
struct CaseOrder {
  std::string expression;
  script::Stream stream = script::Stream::out;
  std::string input = "/dev/null";                 ///< path of the file that is its standard input
  std::string place;                               ///< $SCRUT_TEST
  std::map<std::string, std::string> environment;  ///< for this case alone
  std::map<std::string, std::string, std::less<>> assignments;  ///< variables set before it, for good
  uint64_t deadline_ns = 0;                                     ///< monotonic
};

/// How a case ended.
struct CaseEnd {
  enum class How : uint8_t {
    ended,      ///< `code`
    signalled,  ///< the shell was killed by `signal`; `code` is 128 + signal
    late,       ///< at its deadline, and was killed
    overflow,   ///< wrote more than it may, and was killed
    silent,     ///< it ended, but the shell could not tell how, and was killed
    not_begun,  ///< it did not come to run; the shell was killed
    cancelled,  ///< the run is to stop
  };
  How how = How::ended;
  int code = 0;
  int signal = 0;
  std::optional<OutputBuffer> out, err;  ///< `err` only where the streams are apart
  bool shell_ended = false;              ///< and a new one goes on, or (one_process) none
  bool state_lost = false;               ///< what earlier cases have set is gone: no case may follow
};

/// A case that runs beside the others.
struct Detached {
  pid_t pid = -1;
  Source* out = nullptr;
  Source* err = nullptr;      ///< null where it is one with `out`
  std::optional<int> status;  ///< exit status or 128 + signal, as far as the shell could be told
};

class Shell {
 public:
  /// Starts the shell. Errors (infrastructure): it cannot be started, or does not answer.
  static Result<std::unique_ptr<Shell>> start(ShellSetting setting, Children& children);
  ~Shell();

  /// Runs a case. Errors (infrastructure): the control files are gone, no new shell could be started.
  Result<CaseEnd> run(const CaseOrder& order);
  /// Starts a case that is not waited for. @param number makes its files' names
  Result<Detached> detach(const CaseOrder& order, size_t number);
  /// The values of these variables in the shell as it is now; those that are not set are left out.
  Result<std::map<std::string, std::string, std::less<>>> values_of(const std::vector<std::string>& names);
  /// What the shell has set, as it is now. Errors (infrastructure): it cannot be told.
  Result<ShellState> state();
  /// Makes a state of what has `current`, which is `state()` as of now, or nothing where it has just begun.
  /// @return what people should know of what could not be done
  Result<std::vector<std::string>> take_state(const ShellState& current, const ShellState& wanted);
  /// The functions that commands define when they are run, but only at their top level: they are read and not
  /// run, in a shell of its own. @param bash path of a bash @return by name, as `declare -f` prints them
  Result<std::map<std::string, std::string>> functions_in(const std::string& bash,
                                                          const std::vector<std::string>& expressions);
  /// Where the shell goes from here. Errors (usage): it cannot.
  Status change_directory(const std::string& path);
  [[nodiscard]] ShellKind kind() const;
  /// Whether there is a shell to run the next case (always, unless `one_process`).
  [[nodiscard]] bool alive() const;
  /// What people should know since the last call ("functions of earlier cases are lost: ...").
  std::vector<std::string> take_notes();
  /// The processes that count as the document's own furniture and are not told as left behind.
  [[nodiscard]] std::vector<pid_t> own() const;

 private:
  struct Impl;
  explicit Shell(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::interpret
