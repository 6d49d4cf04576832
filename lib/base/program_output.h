// Another program of this machine that is run for what it prints: a credential helper, git.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::sys {

struct ProgramOutput {
  int status = 0;         ///< as waitpid(2) has it
  std::string output;     ///< its standard output
  bool late = false;      ///< it was ended at the time limit
  bool too_much = false;  ///< it was ended since it printed more than was to be read
};

/// The program's path in one of the absolute folders of $PATH; empty: none has it.
std::string find_program(const std::string& name);

/// Runs a program to its end, in a process group of its own, which is killed at the time limit. Its standard
/// error goes to /dev/null. @param arguments with its own name first @param input its standard input @param
/// most bytes that are read @param limit_ns how long it may take. Errors (infrastructure): it cannot be
/// started.
Result<ProgramOutput> run_program(const std::string& path, std::vector<std::string> arguments,
                                  const std::string& input, size_t most, int64_t limit_ns);

}  // namespace testctr::sys
