// Root without id-mapped mounts (before Linux 5.12, or without CAP_SYS_ADMIN): what a container is made of is
// copied for its ids. Real uid 0 is never mapped, and files of an unmapped owner could not be written, so
// there is no third way.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/container.h"

namespace testctr::sandbox {

/// Whether the kernel and our capabilities allow id-mapped mounts.
bool id_mapping_available();

/// Removes the folders of copies that killed runners of this user left below `folder`. @return how many.
int sweep_copies(const std::string& folder);

/// A folder of copies that goes when this goes. It is locked as long as somebody needs it.
class ShiftedCopies {
 public:
  /// Copies layers, program, tree and read-only binds of ours (files) of `spec` for ids from `base` on and
  /// changes `spec` to name the copies. The root of hostfs stays where it is: its files are nobody's inside.
  /// @return an error where anything else is to be bound.
  static Result<std::unique_ptr<ShiftedCopies>> make(Spec& spec, uint32_t base);
  ShiftedCopies(const ShiftedCopies&) = delete;
  ShiftedCopies& operator=(const ShiftedCopies&) = delete;
  ~ShiftedCopies();

 private:
  ShiftedCopies() = default;
  std::string folder_;
  Fd lock_;
};

}  // namespace testctr::sandbox
