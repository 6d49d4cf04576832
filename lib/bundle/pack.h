// Writes a bundle: one file with an image, our layer on it, and beside that content what a run came to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundle/recording.h"
#include "bundle/set_up.h"
#include "bundle/slim.h"
#include "image/access.h"
#include "image/image.h"
#include "plan/plan.h"
#include "run/mask.h"

namespace testctr::bundle {

struct PackOptions {
  std::string output;                    ///< a file; made or replaced when all is written
  bool runnable = false;                 ///< this program in front of it, so that the file runs
  const Recording* recording = nullptr;  ///< borrowed; null: none
  const Touched* touched = nullptr;      ///< borrowed; only what the run touched is packed of its images
  /// Files and folders of results: no part of a test tree that they lie in.
  std::vector<std::string> left_out = {};
  /// What the plan's jobs that set images up have changed, by their indices: a setup that is not here is
  /// packed as a test.
  image::ChangesLayers set_ups = {};
  size_t only = SIZE_MAX;     ///< the plan's job with this index alone, without what it needs; SIZE_MAX: all
  bool plain_layers = false;  ///< zstd layers uncompressed as well, however large
};

struct Packed {
  Digest content;     ///< of the image's manifest: the same for the same content
  uint64_t size = 0;  ///< of the file, in bytes
  std::vector<std::string> notes;
};

/// @param plan with the jobs that set up what its tests run in @param access where images that are not in the
/// store come from
/// Errors: what `gather` says; an image that is not there; a file that cannot be written.
Result<Packed> pack(image::Store& store, const image::Access& access, const plan::Plan& plan,
                    const PackOptions& options);

}  // namespace testctr::bundle
