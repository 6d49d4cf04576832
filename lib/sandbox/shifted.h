// Root without id-mapped mounts (before Linux 5.12, or without CAP_SYS_ADMIN): what containers are made of is
// copied for their ids. Real uid 0 is never mapped, and files of an unmapped owner could not be written, so
// there is no third way.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/container.h"

namespace testctr::sandbox {

/// Whether the kernel and our capabilities allow id-mapped mounts.
bool id_mapping_available();

/// Removes the folders of copies that killed runners of this user left below `folder`. @return how many.
int sweep_copies(const std::string& folder);

/// Copies of what containers are made of. A thing is copied once, however many containers are made of it and
/// whenever they are: what is copied must not change meanwhile. They lie in one folder, which goes when this
/// goes, and is locked until then.
class Copies {
 public:
  /// @param outside the test trees of all containers that are to come: a folder in one would be a change of
  /// it, and part of its copy
  explicit Copies(std::vector<std::string> outside = {}) : outside_(std::move(outside)) {}
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  ~Copies();

  /// Copies layers, program, tree and read-only binds of ours (files) of `spec` for ids from `base` on, where
  /// there is no copy yet, and changes `spec` to name the copies. The root of hostfs stays where it is: its
  /// files are nobody's inside.
  /// @return an error where anything else is to be bound.
  Status use(Spec& spec, uint32_t base);

 private:
  template <class F>
  Result<std::string> once(const std::string& key, F copy);

  std::vector<std::string> outside_;
  std::string folder_;  ///< empty: there is none yet
  Fd lock_;
  std::map<std::string, std::string> known_;  ///< from what was copied, and for whom, to the copy
};

}  // namespace testctr::sandbox
