// Confines the process that calls it where it is, without namespaces: for one that is already in the root in
// which programs are to run - a chroot, a container that another engine has made, this machine itself.
//
// What it gives up: signal handlers, descriptors, core files, capabilities, new privileges, being looked
// into, and most system calls. It works for root with an engine's usual capabilities or with none, and for
// who is not root; what cannot be given up there is no loss, and what is missing of the rest is told as a
// note.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/confine.h"
#include "sandbox/container.h"

namespace testctr::sandbox {

struct ConfinedSpec {
  int channel = -1;  ///< a connected stream socket to the outside; its end ends the process
  /// Whom programs run as: as `Spec::user`, looked up in the root's own /etc/passwd and /etc/group. Empty:
  /// who we are.
  std::string user;
  std::string seccomp = "default";              ///< as `Spec::seccomp`
  std::string profile;                          ///< the text of such a file; empty: it is read
  uint64_t capabilities = kept_capabilities();  ///< at most these are left to root
  uint64_t pids = 0;                 ///< RLIMIT_NPROC, which counts all that the user runs; 0: no limit
  std::optional<bool> fake_success;  ///< as `Spec::fake_success`; default: only where there is but one id
  std::vector<int> keep_open;        ///< beside the channel; close-on-exec
  int proc = -1;                     ///< a directory descriptor of /proc, where the root has none; kept open
  int null = -1;                     ///< one of the null device, where the root has none; not kept
  bool dies_with_parent = false;
  std::vector<std::string> notes;  ///< for `Inside::notes`, before our own
  /// Told what keeps the body from beginning, in the one or the other thread; the process then ends with 1.
  std::function<void(const Error&)> failed;
};

/// Confines the process and carries the body out in a thread under the filter; its value becomes the
/// process's exit status. The process must have no other threads.
[[noreturn]] void run_confined(const ConfinedSpec& spec, const Body& body);

}  // namespace testctr::sandbox
