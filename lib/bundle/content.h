// What of a plan goes into a bundle's layer: this program, the plan, trees, programs, mounts, filters. The
// same plan over the same files gives the same bytes, wherever they lie.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "bundle/plan_file.h"
#include "bundle/set_up.h"
#include "image/layer.h"
#include "image/layout_writer.h"
#include "plan/plan.h"
#include "run/mask.h"

namespace testctr::bundle {

/// An image that some of the tests mean by a name.
struct WantedImage {
  std::string name;
  const SetUp* set_up;         ///< borrowed from what was folded; null: the image as it is
  std::vector<uint64_t> jobs;  ///< as `NamedDigest::jobs`
};

struct Content {
  image::LayerContent layer;        ///< all but the plan
  plan::Plan plan;                  ///< with the bundle's names
  std::vector<WantedImage> images;  ///< of all its tests, the one that the layer is put on first
  std::vector<std::string> notes;   ///< what is left out
};

/// Errors are usage errors: a test that cannot be packed (`--layer`, `--work-directory`, a writable mount, an
/// image that is this machine's own root or a folder), and, of files that hold a secret, where.
/// @param folded must outlive what is returned; its plan is taken @param left_out paths that are no part of a
/// tree that they lie in; links are resolved
Result<Content> gather(Folded& folded, const run::Secrets& secrets, const std::vector<std::string>& left_out);

/// Writes the layer into an unnamed file of a folder and compresses it. @param file put into the layer
/// @param written set to a descriptor of the file
Result<image::CompressedLayer> write_content(Content& content, const PlanFile& file,
                                             const std::string& folder, Fd& written);

}  // namespace testctr::bundle
