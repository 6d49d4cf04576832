// What a container will be, decided by the parent before anything is cloned: a plain value made from the Spec
// and from who we are. Making it has no side effects but reading the image's /etc/passwd, so that tests can
// look at it without privileges.
#pragma once

#include <linux/filter.h>

#include <string>

#include "sandbox/container.h"
#include "sandbox/hostfs.h"
#include "sandbox/ids.h"

namespace testctr::sandbox {

/// Who the calling process is.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  IdMap uids, gids;            ///< of its user namespace
  IdMap taken;                 ///< everybody's subordinate ids
  std::string subuid, subgid;  ///< texts of /etc/subuid and /etc/subgid
  std::string name;            ///< from /etc/passwd; empty when unknown

  static Result<Caller> current();
  /// uid 0 of the machine itself: not of a user namespace in which 0 is somebody else.
  [[nodiscard]] bool real_root() const;
};

struct Plan {
  Spec spec;
  enum class Rank : uint8_t {
    single,       ///< one id; the child writes its own maps
    subordinate,  ///< newuidmap and newgidmap write the maps
    root,         ///< the parent writes the maps and hands in id-mapped mounts
  };
  Rank rank = Rank::single;
  IdMap uid_map, gid_map;
  Account account;
  bool below_joined = false;  ///< it has a user namespace of its own below the one that it joined
  bool fake_success = false;
  bool counted = false;  ///< a control group limits the processes, and tells when it did
  bool shifted =
      false;  ///< root without id-mapped mounts: nothing is handed in, the paths are those of copies
  std::vector<sock_filter> profile;     ///< a compiled `--seccomp FILE`; empty: the default filter, or none
  std::vector<std::string> notes;       ///< to be told inside
  std::vector<HostEntry> host_entries;  ///< of a hostfs root
  /// An existing directory of the host that nothing in the spec lies below: the scratch space is mounted over
  /// it until pivot_root.
  std::string scratch_point;
};

Result<Plan> make_plan(const Spec& spec, const Caller& caller);

}  // namespace testctr::sandbox
