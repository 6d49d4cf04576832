// What works on this machine: each thing that a container needs is tried in a process of its own, and what
// fails comes with the one line that mends it.
#pragma once

#include <string>
#include <vector>

namespace testctr::sandbox {

struct Finding {
  enum class Grade : uint8_t {
    good,
    limited,  ///< containers run, with what the detail says
    broken,   ///< no container can run
  };
  Grade grade = Grade::good;
  std::string subject;      ///< "user namespaces"
  std::string detail;       ///< one line
  std::string mend;         ///< what to do; empty when there is nothing to mend
  bool everywhere = false;  ///< broken: whoever makes the containers
};

/// Looks at everything. @param store an existing directory on the file system where unpacked layers lie; used
/// for a trial start in a folder that is removed again.
std::vector<Finding> examine(const std::string& store);

}  // namespace testctr::sandbox
