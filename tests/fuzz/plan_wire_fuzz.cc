// Any bytes as a bundle's plan: refused, or a plan that survives the way back and whose tests can all begin.
#include <cstdint>
#include <cstdlib>

#include "bundle/plan_file.h"

using namespace testctr;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = bundle::plan_file_from({reinterpret_cast<const char*>(data), size});
  if (!file.ok()) return 0;
  const std::string bytes = bundle::to_bytes(file.value());
  auto again = bundle::plan_file_from(bytes);
  if (!again.ok() || bundle::to_bytes(again.value()) != bytes) std::abort();
  if (!(again.value().images == file.value().images) || again.value().config != file.value().config)
    std::abort();
  for (const plan::Job& job : again.value().plan.jobs) {
    for (const size_t other : job.needs)
      if (other >= again.value().plan.jobs.size()) std::abort();
    // What is of a machine alone never comes from a bundle.
    if (!job.layer.empty() || !job.artifacts.empty() || job.error || !job.documents.work_directory.empty())
      std::abort();
  }
  return 0;
}
