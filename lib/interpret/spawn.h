// Starts a program: the one place between clone and exec. The child shares our memory until it execs, so that
// a start costs the same however large this process is; it makes nothing but system calls.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::interpret {

struct Program {
  std::string path;                         ///< absolute, or relative to `directory`
  std::vector<std::string> arguments;       ///< argv, its name included
  std::vector<std::string> environment;     ///< "NAME=VALUE"
  std::string directory;                    ///< absolute
  int input = -1, output = -1, error = -1;  ///< descriptors for 0 to 2, all above 2 and close-on-exec
  bool terminal = false;                    ///< `input` is one, and is to be the session's own
  int beside = -1;  ///< a terminal that is to be the session's own as descriptor 3; the same rules
};

/// What kept a program from starting.
struct StartError {
  enum class Step : unsigned char { clone, directory, descriptors, execute };
  Step step = Step::clone;
  int number = 0;  ///< errno
};

struct Started {
  pid_t pid = -1;
  StartError error;  ///< when pid is -1
};

/// Starts `program` in a session and process group of its own, with default signal actions, nothing blocked,
/// umask 022 and no descriptor above 2 (3). ETXTBSY (somebody else's fork still holds the file that was just
/// written) is tried again for a second.
Started start(const Program& program);

/// A duplicate of `fd` that is above 2 and close-on-exec.
Result<Fd> above_standard(Fd fd);

}  // namespace testctr::interpret
