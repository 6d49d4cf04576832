// The system calls that take names of files, and filters that report them to a listener: with them a run is
// followed, to know which files of its image it touched. They decide nothing: what the container's own filter
// says about a call holds.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::sandbox {

struct PathCall {
  enum class Kind : uint8_t {
    names,
    executes,           ///< the kernel opens more files than it names
    changes_directory,  ///< of the process
    scoped,             ///< openat2: a flag may make its directory the root
    lists,              ///< reads the entries of its first argument, a descriptor
  };
  /// Which arguments are a path and the descriptor of the directory that it is relative to; `dir` -1: the
  /// working directory, `path` -1: there is none.
  struct Name {
    int8_t dir = -1, path = -1;
  };
  std::string_view name;
  Name names[2];
  Kind kind = Kind::names;
};

/// Of an architecture (AUDIT_ARCH_...). @return null: it takes no names.
const PathCall* path_call(uint32_t architecture, uint32_t number);

/// Whether the kernel can be asked to go on with a call that was looked at: Linux 5.5. Else an error
/// (infrastructure).
Status can_let_calls_go_on();

/// What a followed thread is put under, in this order; only the second has a listener.
struct FollowingFilters {
  std::vector<sock_filter> deciding;   ///< decides about the calls above as `silent` does; empty: not needed
  std::vector<sock_filter> reporting;  ///< reports the calls above, and is `notify` for all others
};
/// @param notify, silent one filter, reporting what it refuses and refusing it itself; both empty: no filter.
/// Errors: they get too long.
Result<FollowingFilters> following_filters(std::span<const sock_filter> notify,
                                           std::span<const sock_filter> silent);

/// Puts the calling thread under both. @return the listener. Errors: a listener that is there already
/// (EBUSY), a kernel that is too old.
Result<Fd> install_following(const FollowingFilters& filters);

}  // namespace testctr::sandbox
