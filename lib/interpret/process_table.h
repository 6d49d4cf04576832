// The processes that are below this one, as /proc tells it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::interpret {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';
  uint64_t started = 0;  ///< clock ticks since the machine's start
  std::string name;      ///< comm: hostile bytes
};

/// One line of /proc/PID/stat. The name may contain anything, parentheses too.
std::optional<Process> parse_stat(std::string_view text);

/// "sleep (process 12), cat (process 13)" and how many more there are.
std::string named(const std::vector<Process>& processes);

/// All living descendants of this process (zombies are not alive), nearest first; nothing where there is no
/// /proc to ask.
std::optional<std::vector<Process>> descendants();
/// Those of another process.
std::optional<std::vector<Process>> descendants(pid_t of);

}  // namespace testctr::interpret
