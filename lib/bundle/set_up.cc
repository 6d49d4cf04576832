#include "bundle/set_up.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::bundle {
namespace {

constexpr size_t none = SIZE_MAX;

class Folder {
 public:
  Folder(const plan::Plan& plan, const image::ChangesLayers& layers, Folded& folded)
      : plan_(plan), layers_(layers), folded_(folded) {}

  void fold(const Recording* recording, size_t only) {
    leave_out();
    std::vector<size_t> moved(plan_.jobs.size(), none);
    for (size_t i = 0; i < plan_.jobs.size(); ++i) {
      if (only != none && only != i) continue;
      if (left_out_[i] == none && layer_of(i) == nullptr) {
        moved[i] = folded_.plan.jobs.size();
        add(i);
        if (recording != nullptr) folded_.recording.tests.push_back(recording->tests[i]);
      } else if (left_out_[i] != none) {
        folded_.notes.push_back(fmt::format("{} is left out: it needs {}, which did not pass",
                                            text::printable(plan_.jobs[i].name),
                                            text::printable(plan_.jobs[left_out_[i]].name)));
      }
    }
    for (plan::Job& job : folded_.plan.jobs) {
      for (size_t& other : job.needs) other = moved[other];
      job.needs.erase(std::remove(job.needs.begin(), job.needs.end(), none), job.needs.end());
    }
    if (recording != nullptr) folded_.recording.surroundings = recording->surroundings;
  }

 private:
  [[nodiscard]] const image::ChangesLayer* layer_of(size_t index) const {
    return index < layers_.size() ? layers_[index].get() : nullptr;
  }

  // What needs a setup without a layer, itself or by others; a job may stand before those that it needs.
  void leave_out() {
    left_out_.assign(plan_.jobs.size(), none);
    for (bool more = true; std::exchange(more, false);) {
      for (size_t i = 0; i < plan_.jobs.size(); ++i) {
        for (const size_t other : plan_.jobs[i].needs) {
          const bool failed = plan_.jobs[other].setup && layer_of(other) == nullptr;
          const size_t reason = failed ? other : left_out_[other];
          if (left_out_[i] != none || reason == none) continue;
          left_out_[i] = reason;
          more = true;
        }
      }
    }
  }

  void add(size_t index) {
    folded_.plan.jobs.push_back(plan_.jobs[index]);
    plan::Job& job = folded_.plan.jobs.back();
    job.setup = false;
    for (size_t& setup : job.set_up_by) {
      const plan::Job* by = &plan_.jobs[setup];
      size_t at = 0;
      while (at < folded_.set_ups.size() && folded_.set_ups[at].job != by) ++at;
      if (at == folded_.set_ups.size()) folded_.set_ups.push_back({by, layer_of(setup)});
      setup = at;
    }
  }

  const plan::Plan& plan_;
  const image::ChangesLayers& layers_;
  Folded& folded_;
  std::vector<size_t> left_out_;  ///< by which setup
};

}  // namespace

const SetUp* Folded::for_image(const plan::Job& job, const std::string& image) const {
  for (const size_t index : job.set_up_by) {
    const plan::Job& by = *set_ups[index].job;
    if (by.pinned(by.image) == job.pinned(image)) return &set_ups[index];
  }
  return nullptr;
}

void fold(const plan::Plan& plan, const Recording* recording, const image::ChangesLayers& layers, size_t only,
          Folded& folded) {
  Folder(plan, layers, folded).fold(recording, only);
}

}  // namespace testctr::bundle
