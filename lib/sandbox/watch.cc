#include "sandbox/watch.h"

#include <algorithm>
#include <cstdio>

#include "base/sys.h"

namespace testctr::sandbox {

Result<Usage> usage_of(int proc) {
  static const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  Usage usage;
  Fd listing = TRY(sys::open_at(proc, ".", O_RDONLY | O_DIRECTORY));
  for (const std::string& name : TRY(sys::list_dir(listing.get()))) {
    if (name.empty() || name[0] < '1' || name[0] > '9') continue;
    auto content = sys::read_file_at(proc, name + "/statm", 4096);
    if (!content.ok()) continue;
    unsigned long size = 0, resident = 0, shared = 0;
    if (std::sscanf(content.value().c_str(), "%lu %lu %lu", &size, &resident, &shared) != 3) continue;
    usage.memory += (resident - std::min(resident, shared)) * page;
    ++usage.processes;
    const auto tasks = sys::stat_at(proc, name + "/task");
    // A directory has two names and one more for each directory in it.
    if (tasks.ok() && tasks.value() && tasks.value()->st_nlink > 2)
      usage.tasks += tasks.value()->st_nlink - 2;
  }
  return usage;
}

bool process_limit_is_per_namespace(const char* release) {
  int major = 0, minor = 0;
  return std::sscanf(release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 14));
}

}  // namespace testctr::sandbox
