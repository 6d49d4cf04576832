// The process behind a document's shell: it takes a line at a time on its standard input and answers on a
// named pipe. Beside it waits a standby, a fork that holds the state as of the end of the last case and
// writes it down when the shell has died.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/children.h"
#include "interpret/shell.h"

namespace testctr::interpret {

class ShellProcess {
 public:
  ShellProcess(const ShellSetting& setting, Children& children) : setting_(setting), children_(children) {}
  ShellProcess(const ShellProcess&) = delete;
  ShellProcess& operator=(const ShellProcess&) = delete;
  /// Kills the shell and its standby.
  ~ShellProcess();

  /// Starts a shell, tells it how to behave, and has it read the state back.
  /// @return whether it has read all of that. Errors (infrastructure): it does not start or does not answer.
  Result<bool> begin(const std::map<std::string, std::string>& environment, bool with_state);
  /// The process has ended: it is forgotten, its standby killed.
  void clear();

  /// Sends a line. A shell that is gone is seen by its end.
  Status send(std::string line);
  /// The words that write an answer with these arguments: no alias and no function named `echo` stands in.
  [[nodiscard]] std::string say(const std::string& arguments) const;
  /// Waits for the answer to a step of ours, which runs no code of a case. Errors: none came.
  Result<std::string> answer();

  /// Takes the answers that have come, without waiting.
  void take_answers();
  /// The answer of the case that runs ("CODE [e][d]": an EXIT trap, a
  /// DEBUG trap is set), once it has come.
  std::optional<std::string> answered;
  /// Whether the shell has said that it is about to source the case.
  bool begun = false;
  /// Forgets the last case's answers; before its line is sent.
  void expect_case();
  /// What makes `begun` true, at the beginning of a case's line: it asks for as much as sourcing the case
  /// does, so that where this works that does. @param input path of the case's standard input
  [[nodiscard]] std::string announcement(const std::string& input) const;
  /// Whether the shell waits for the next line although it has not answered. Only bash can be asked: it reads
  /// no more than the line that it carries out.
  [[nodiscard]] bool idle_without_answer();

  /// Has the shell make a standby, which takes the place of the last one.
  Status make_standby();
  /// Waits until the last standby has been told of, if one is to come.
  void settle_standby();
  /// Lets the standby write the state. @return whether it did
  Result<bool> wake_standby();
  /// Whether the control directory holds a whole state.
  [[nodiscard]] Result<bool> state_is_whole() const;
  /// Kills the shell and what the case has started. @param spared not these, nor what they have started
  void kill_case(const std::set<pid_t>& spared);

  /// A signal to what the case has started, and not to the shell itself: as at a terminal, that goes on.
  void signal_case(const std::set<pid_t>& spared, int signal) const;

  [[nodiscard]] bool alive() const { return job_ != nullptr && !job_->status; }
  /// As waitpid(2) gives it, once the shell has ended.
  [[nodiscard]] std::optional<int> status() const { return job_ == nullptr ? std::nullopt : job_->status; }
  [[nodiscard]] ShellKind kind() const { return kind_; }
  /// The shell, its standby, and standbys that were killed just now.
  [[nodiscard]] std::vector<pid_t> own() const;

  /// A path below the control directory; the same, quoted for the shell.
  [[nodiscard]] std::string file(std::string_view name) const {
    return setting_.control + "/" + std::string(name);
  }
  [[nodiscard]] std::string quoted(std::string_view name) const;
  Status write(std::string_view name, std::string_view content) const;

 private:
  [[nodiscard]] std::string standby_text(int number) const;
  Status make_pipes();
  Status launch(const std::map<std::string, std::string>& environment);
  void take_answer(std::string_view line);
  void retire_standby();

  const ShellSetting& setting_;
  Children& children_;
  ShellKind kind_ = ShellKind::posix;
  Job* job_ = nullptr;
  Fd commands_;
  Source* answers_ = nullptr;
  std::string word_;  ///< begins every answer to this process
  pid_t standby_ = -1;
  std::deque<pid_t> retired_;  ///< standbys that were killed, but may still be seen
  int standby_wake_ = 0, next_wake_ = 0;
  bool standby_pending_ = false;
};

}  // namespace testctr::interpret
