// What of a plan is packed where jobs set images up (`setup:` of a manifest): the tests, and in place of
// those jobs what they have changed, as a layer of the tests' images. So a replay needs neither what a setup
// needs - a network, secrets - nor the time that it takes.
#pragma once

#include <string>
#include <vector>

#include "bundle/recording.h"
#include "image/changes.h"
#include "plan/plan.h"

namespace testctr::bundle {

/// A setup that has become a layer; both are borrowed.
struct SetUp {
  const plan::Job* job;
  const image::ChangesLayer* layer;
};

struct Folded {
  /// Without the jobs that have become layers; `Job::set_up_by` are indices of `set_ups`.
  plan::Plan plan;
  Recording recording;  ///< of its tests
  std::vector<SetUp> set_ups;
  std::vector<std::string> notes;  ///< which tests are left out

  /// Which setup an image of a job is from; null: none.
  [[nodiscard]] const SetUp* for_image(const plan::Job& job, const std::string& image) const;
};

/// A setup that has no layer - it did not pass - is a test like others then, and those that need it are left
/// out: they did not run, either.
/// @param plan, layers must outlive what is made @param recording of the plan's tests; null: none @param
/// layers by the index of the job; may be shorter @param only this job of the plan; SIZE_MAX: all
void fold(const plan::Plan& plan, const Recording* recording, const image::ChangesLayers& layers, size_t only,
          Folded& folded);

}  // namespace testctr::bundle
