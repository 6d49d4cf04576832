// Limits by control groups: version 2 where a group is ours to divide, version 1 where it can be written.
//
// Moving a process into a group of version 1 waits on some machines for a grace period of the whole machine
// (12 to 16 ms measured, several times what a start may take), so those are used only for a limit that was
// asked for.
// The kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{memory,pids}.rst,
// scheduler/sched-bwc.rst.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/container.h"

namespace testctr::sandbox {

/// A mounted hierarchy of control groups and where we are in it.
struct Hierarchy {
  bool unified = false;                  ///< version 2
  std::vector<std::string> controllers;  ///< of version 1; of version 2 each group says itself
  std::string top;                       ///< the mount point
  std::string own;                       ///< the directory of our own group: `top` or below
  bool operator==(const Hierarchy&) const = default;
};

/// @param mountinfo, groups texts of /proc/self/mountinfo and /proc/self/cgroup. Hierarchies whose part with
/// our own group is not mounted are left out.
std::vector<Hierarchy> hierarchies(std::string_view mountinfo, std::string_view groups);

/// A file of a group and what is written to it.
struct GroupSetting {
  std::string controller, file, value;
  bool optional = false;  ///< its failure is no failure of the limit
  bool operator==(const GroupSetting&) const = default;
};
/// What makes `limits` hold, in the order in which it is written. `asked_only`: limits that nobody asked for
/// are left out.
std::vector<GroupSetting> group_settings(const Limits& limits, bool unified, bool asked_only);

/// The number after `key` in a text of lines "key number" such as memory.events; 0 when it is not there.
uint64_t group_event(std::string_view events, std::string_view key);

/// Groups made for one container; removed when this goes.
class Group {
 public:
  struct Reading {
    uint64_t peak_memory = 0;  ///< bytes, 0: unknown
    bool memory_exceeded = false, pids_exceeded = false;
  };

  Group() = default;
  Group(Group&&) noexcept = default;
  Group& operator=(Group&& other) noexcept;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group();

  /// Makes what can be made for `limits` on this machine, after removing groups of runners that are dead.
  static Group make(const Limits& limits, const std::vector<Hierarchy>& where);
  /// The same with what /proc says of us.
  static Group make(const Limits& limits);

  /// Which limits hold: "cgroup v1", "cgroup v2", or empty.
  [[nodiscard]] const std::string& memory() const { return memory_; }
  [[nodiscard]] const std::string& pids() const { return pids_; }
  [[nodiscard]] const std::string& cpus() const { return cpus_; }
  /// Why the last attempt failed; empty when there was none.
  [[nodiscard]] const std::string& reason() const { return reason_; }

  /// A descriptor for CLONE_INTO_CGROUP; -1: there is none.
  [[nodiscard]] int into() const { return into_.get(); }
  /// Moves the process with all its threads into the groups. @param cloned_into it is in `into()` already.
  Status add(pid_t pid, bool cloned_into);
  [[nodiscard]] Reading read() const;

 private:
  bool make_one(const std::string& parent, const std::vector<GroupSetting>& settings, bool unified);
  void remove();

  struct Directory {
    std::string path;
    bool unified = false;
    std::vector<std::string> controllers;
  };
  std::vector<Directory> directories_;
  Fd into_;
  std::string memory_, pids_, cpus_, reason_;
};

}  // namespace testctr::sandbox
