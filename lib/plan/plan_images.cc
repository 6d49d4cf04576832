#include "plan/plan_images.h"

#include <set>

namespace testctr::plan {

std::vector<std::string> images_of(const Job& job) {
  std::set<std::string> images(job.images.begin(), job.images.end());
  images.insert(job.image);
  for (const Container& container : job.containers) images.insert(container.image);
  images.erase("");
  return {images.begin(), images.end()};
}

Result<std::vector<std::string>> images_of(const Plan& plan) {
  std::set<std::string> images;
  for (const Job& job : plan.jobs) {
    if (job.error) return *job.error;
    for (std::string& image : images_of(job)) images.insert(std::move(image));
  }
  return std::vector<std::string>(images.begin(), images.end());
}

}  // namespace testctr::plan
