// The clone that becomes a container's first process, in new namespaces or in those of another container.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

struct CloneOrder {
  uint64_t flags = 0;                     ///< CLONE_NEW...
  int into_group = -1;                    ///< a cgroup v2 directory; -1: ours
  int join_user = -1, join_network = -1;  ///< namespaces to be in; -1: none
  /// Whom the child must be inside. Where the user namespace that it joins maps another one alone, it gets a
  /// user namespace of its own below that. Nothing: whoever it is there.
  struct Ids {
    uid_t user = 0;
    gid_t group = 0;
  };
  std::optional<Ids> ids;
};

struct Cloned {
  pid_t pid = 0;          ///< 0: we are the child
  bool in_group = false;  ///< it is in `into_group`
  /// In the child: who it is in the user namespace above its own, where it got one for `ids`; its maps are
  /// still to be written.
  std::optional<CloneOrder::Ids> above;
};

/// Returns twice, like fork: memory is copied. The caller must be single-threaded. With namespaces to join, a
/// process in between enters them and makes the child, of which the caller is the parent all the same; that
/// process has ended when this returns.
Result<Cloned> clone_child(const CloneOrder& order);

}  // namespace testctr::sandbox
