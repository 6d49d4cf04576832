// Carries out a script on this machine, in a child process of its own, as a place would; for tests only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "interpret/interpreter.h"

namespace testctr::interpret {

struct HostRun {
  std::string error;  ///< carry_out's error, its hint after "| "; empty when there was none
  Continuation end;
  std::vector<Event> events;
  int status = -1;  ///< of the child, as waitpid(2) gives it

  /// The lines of the failures, and the reasons.
  [[nodiscard]] std::vector<uint32_t> lines() const;
  [[nodiscard]] std::string reasons() const;
  /// The first failure; an empty one when there is none.
  [[nodiscard]] Failure failure() const;
  /// All texts of that kind, each followed by a line end.
  [[nodiscard]] std::string texts(Event::Kind kind) const;
  [[nodiscard]] bool passed() const { return error.empty() && end.done && end.outcome == Outcome::pass; }
};

/// @param change may adapt the setting; it is called in the child.
HostRun run_on_host(const std::string& source, const std::function<void(Setting&)>& change = {});

/// A directory that is removed at the end.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory();
  std::string path;
};

}  // namespace testctr::interpret
