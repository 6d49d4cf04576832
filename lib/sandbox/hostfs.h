// The machine's own root as a container's: what each entry of / becomes. Overlay refuses / itself (our
// scratch space lies below it), so each directory without mounts below gets an overlay of its own, and the
// others are bound read-only with all their mounts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::sandbox {

struct HostEntry {
  enum class Kind : uint8_t {
    overlay,  ///< a directory without mounts below
    bind,     ///< a directory with mounts below, or a file: read-only
    link,     ///< made anew
  };
  std::string name;  ///< without the slash
  Kind kind = Kind::overlay;
  std::string target;  ///< of a link
  bool operator==(const HostEntry&) const = default;
};

/// The mount points that a text of /proc/self/mountinfo names.
std::vector<std::string> mount_points(std::string_view mountinfo);

/// Decides for one directory whether it can be overlaid.
HostEntry::Kind kind_of_directory(const std::string& path, const std::vector<std::string>& mount_points);

/// The entries of this machine's / but those that a container has of its own: /dev, /proc, /sys, /run, /tmp,
/// /testctr, /work.
Result<std::vector<HostEntry>> host_entries();

struct Plan;
struct Handed;
/// Builds the root at `root` below the working directory (see root.cc).
Status mount_host_root(const Plan& plan, const Handed& handed, std::vector<std::string>& notes);

}  // namespace testctr::sandbox
