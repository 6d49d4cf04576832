// What a bundle says of itself: the file /testctr/plan in its last layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "plan/plan.h"

namespace testctr::bundle {

/// An image as the tests name it.
struct NamedDigest {
  std::string name;   ///< as it is written
  std::string shown;  ///< as reports name it
  /// Its manifest in the bundle. Empty: the bundle's own image without its last layer.
  Digest manifest;
  std::string media_type;  ///< of the manifest, and
  uint64_t size = 0;       ///< its length
  std::string setup = {};  ///< the setup whose changes are in it (`setup:` of a manifest); empty: none
  Digest layer = {};       ///< of the blob that has these; empty: they are not in one of their own
  /// Indices of the plan's jobs that it is for, ascending; empty: for all that have no other of that name.
  std::vector<uint64_t> jobs = {};
  bool operator==(const NamedDigest&) const = default;
};

/// The plan with names of the bundle where there were paths: "tree", "trees/1", "programs/0", "mounts/0",
/// "profiles/0", all below /testctr.
struct PlanFile {
  plan::Plan plan;
  std::vector<NamedDigest> images;
  std::string config;   ///< the JSON of the image's configuration before the layer was put on it
  std::string program;  ///< the version that packed it
  bool slim = false;    ///< its image has only the files that a run touched
  /// By what one of the plan's jobs obtains an image that it names. @param pins of each of `images`
  [[nodiscard]] std::map<std::string, std::string> pins_of(size_t job,
                                                           const std::vector<std::string>& pins) const;
};

/// Where it lies below /testctr.
inline constexpr const char* plan_name = "plan";

std::string to_bytes(const PlanFile& file);
/// Hostile bytes. Errors are of the infrastructure: damaged, of a newer version.
Result<PlanFile> plan_file_from(std::string_view bytes);

}  // namespace testctr::bundle
