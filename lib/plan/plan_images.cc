#include "plan/plan_images.h"

#include <set>

namespace testctr::plan {

Result<std::vector<std::string>> images_of(const Plan& plan) {
  std::set<std::string> images;
  for (const Job& job : plan.jobs) {
    if (job.error) return *job.error;
    images.insert(job.image);
    for (const Container& container : job.containers) images.insert(container.image);
    images.insert(job.images.begin(), job.images.end());
  }
  images.erase("");
  return std::vector<std::string>(images.begin(), images.end());
}

}  // namespace testctr::plan
