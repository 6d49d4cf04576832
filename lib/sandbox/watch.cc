#include "sandbox/watch.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/sys.h"

namespace testctr::sandbox {

namespace {

// "RssAnon:     123 kB" and its kin of /proc/PID/status and smaps_rollup. @return bytes; 0 where it is not.
uint64_t field_of(const std::string& content, std::string_view name) {
  const std::string start = "\n" + std::string(name) + ":";
  const size_t at = content.find(start);
  return at == std::string::npos ? 0 : std::strtoull(content.c_str() + at + start.size(), nullptr, 10) << 10;
}

// Shared pages as each process's part of them. Without the right to look: all of them.
uint64_t part_of_shared(int proc, const std::string& process, uint64_t all) {
  auto content = sys::read_file_at(proc, process + "/smaps_rollup", 8192);
  if (!content.ok() || content.value().find("\nPss_Shmem:") == std::string::npos) return all;
  return field_of(content.value(), "Pss_Shmem");
}

uint64_t held_by(std::initializer_list<int> stores) {
  uint64_t sum = 0;
  for (int store : stores) {
    struct statfs now {};
    if (store >= 0 && fstatfs(store, &now) == 0)
      sum += (now.f_blocks - now.f_bfree) * static_cast<uint64_t>(now.f_bsize);
  }
  return sum;
}

}  // namespace

Result<Usage> usage_of(int proc, std::initializer_list<int> stores, uint64_t limit) {
  Fd listing = TRY(sys::open_at(proc, ".", O_RDONLY | O_DIRECTORY));
  return usage_of(proc, TRY(sys::list_dir(listing.get())), stores, limit);
}

Usage usage_of(int proc, const std::vector<std::string>& names, std::initializer_list<int> stores,
               uint64_t limit) {
  Usage usage;
  std::vector<std::pair<std::string, uint64_t>> sharing;
  uint64_t shared = 0;
  for (const std::string& name : names) {
    if (name.empty() || name[0] < '1' || name[0] > '9') continue;
    auto content = sys::read_file_at(proc, name + "/status", 16384);
    if (!content.ok()) continue;
    usage.memory += field_of(content.value(), "RssAnon");
    if (uint64_t mapped = field_of(content.value(), "RssShmem"); mapped != 0) {
      sharing.emplace_back(name, mapped);
      shared += mapped;
    }
    ++usage.processes;
    const auto tasks = sys::stat_at(proc, name + "/task");
    // A directory has two names and one more for each directory in it.
    if (tasks.ok() && tasks.value() && tasks.value()->st_nlink > 2)
      usage.tasks += tasks.value()->st_nlink - 2;
  }
  if (limit != 0 && usage.memory + shared > limit && sharing.size() > 1) {
    shared = 0;
    for (const auto& [name, mapped] : sharing) shared += std::min(mapped, part_of_shared(proc, name, mapped));
  }
  usage.memory += std::max(shared, held_by(stores));
  return usage;
}

bool process_limit_is_per_namespace(const char* release) {
  int major = 0, minor = 0;
  return std::sscanf(release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 14));
}

}  // namespace testctr::sandbox
