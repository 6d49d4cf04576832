// A terminal of its own for one program of a script (`ttyin`): what is typed there, and what is printed.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/buffer.h"
#include "interpret/children.h"

namespace testctr::interpret {

/// The two ends of a new terminal, above 2 and close-on-exec: ours, which does not block, and the program's.
struct TerminalEnds {
  Fd ours, theirs;
};
/// Errors: there is no /dev/ptmx that is one, or no terminal is left.
Result<TerminalEnds> open_terminal();

class ProgramTerminal {
 public:
  /// @param typed what the program is to read there; an end of input (EOT) follows it
  /// @param children outlives this. Errors: as for open_terminal
  static Result<std::unique_ptr<ProgramTerminal>> open(std::string typed, Children& children);
  ProgramTerminal(const ProgramTerminal&) = delete;
  ProgramTerminal& operator=(const ProgramTerminal&) = delete;
  ~ProgramTerminal();

  /// The program's end. It stays open here, too: a program that has closed it finds it as /dev/tty.
  [[nodiscard]] int theirs() const { return theirs_.get(); }
  /// As Children::wait_for, while it types and reads what is printed. What was printed beyond the bound of an
  /// output is told as the job's `overflow`.
  Pause wait_for(Job& job, uint64_t deadline_ns);
  /// What was printed, in the end.
  OutputBuffer take_printed();

 private:
  ProgramTerminal(Fd ours, Fd theirs, std::string typed, Source* printed, Children& children)
      : ours_(std::move(ours)),
        theirs_(std::move(theirs)),
        typed_(std::move(typed)),
        printed_(printed),
        children_(children) {}
  void type();
  void settle() const;

  Fd ours_, theirs_;
  std::string typed_;  ///< what the terminal has not taken yet
  Source* printed_;
  Children& children_;
};

}  // namespace testctr::interpret
