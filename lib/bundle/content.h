// What of a plan goes into a bundle's layer: this program, the plan, trees, programs, mounts, filters. The
// same plan over the same files gives the same bytes, wherever they lie.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "bundle/plan_file.h"
#include "image/layer.h"
#include "image/layout_writer.h"
#include "plan/plan.h"
#include "run/mask.h"

namespace testctr::bundle {

struct Content {
  image::LayerContent layer;        ///< all but the plan
  plan::Plan plan;                  ///< with the bundle's names
  std::vector<std::string> images;  ///< of all its tests, the one that the layer is put on first
  std::vector<std::string> notes;   ///< what is left out
};

/// Errors are usage errors: a test that cannot be packed (`--layer`, `--work-directory`, a writable mount, an
/// image that is this machine's own root or a folder), and, of files that hold a secret, where.
/// @param left_out paths that are no part of a tree that they lie in; links are resolved
Result<Content> gather(const plan::Plan& plan, const run::Secrets& secrets,
                       const std::vector<std::string>& left_out);

/// Writes the layer into an unnamed file of a folder and compresses it. @param file put into the layer
/// @param written set to a descriptor of the file
Result<image::CompressedLayer> write_content(Content& content, const PlanFile& file,
                                             const std::string& folder, Fd& written);

}  // namespace testctr::bundle
