#include "bundle/bounds.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <thread>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::bundle {
namespace {

constexpr uint64_t most_pids = 32'768;
constexpr uint64_t most_output = uint64_t{1} << 30;
constexpr int64_t longest_ns = int64_t{24} * 3600 * 1'000'000'000;

uint64_t memory_here() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page) : 0;
}

uint64_t number_in(const char* path) {
  const auto text = sys::read_file(path, 64);
  uint64_t number = 0;
  if (text.ok()) std::from_chars(text.value().data(), text.value().data() + text.value().size(), number);
  return number;
}

/// Lowers one limit after the other, and keeps what was asked for.
class Lowering {
 public:
  /// @param unlimited whether 0 is no limit
  template <class T>
  void lower(const char* what, T& limit, T most, std::string (*shown)(T), bool unlimited = false) {
    const bool none = unlimited && limit == 0;
    if (most == 0 || (limit <= most && !none)) return;
    told_.try_emplace(what, fmt::format("the bundle asks for {} {}: here it gets {} at most",
                                        none ? "no limit of" : shown(limit), what, shown(most)));
    limit = most;
  }
  void tell(std::vector<std::string>& notes) const {
    for (const auto& [what, note] : told_) notes.push_back(note);
  }

 private:
  std::map<std::string, std::string> told_;
};

std::string count(uint64_t n) { return std::to_string(n); }
std::string processors(double n) { return fmt::format("{:g}", n); }

}  // namespace

Bounds Bounds::here() {
  Bounds bounds;
  bounds.memory = memory_here();
  bounds.cpus = std::thread::hardware_concurrency();
  bounds.pids = most_pids;
  for (const char* path : {"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max"})
    if (const uint64_t all = number_in(path); all != 0)
      bounds.pids = std::min(bounds.pids, std::max(all / 4, plan::Limits().pids));
  bounds.scratch = std::max(bounds.memory, plan::Limits().scratch);
  bounds.max_output = most_output;
  bounds.timeout_ns = longest_ns;
  return bounds;
}

void bound(plan::Plan& plan, const Bounds& bounds, std::vector<std::string>& notes) {
  Lowering lowering;
  for (plan::Job& job : plan.jobs) {
    plan::Limits& limits = job.limits;
    lowering.lower("memory", limits.memory, bounds.memory, text::human_size);
    lowering.lower("processors", limits.cpus, bounds.cpus, processors);
    lowering.lower("processes", limits.pids, bounds.pids, count, /*unlimited=*/true);
    lowering.lower("scratch space", limits.scratch, bounds.scratch, text::human_size, /*unlimited=*/true);
    lowering.lower("output of a command", limits.max_output, bounds.max_output, text::human_size);
    lowering.lower("time for a test", limits.script_timeout_ns, bounds.timeout_ns, text::format_duration);
    lowering.lower("time for a case", limits.case_timeout_ns, bounds.timeout_ns, text::format_duration);
    if (job.documents.overrides.timeout_ns)
      lowering.lower("time for a case", *job.documents.overrides.timeout_ns, bounds.timeout_ns,
                     text::format_duration);
    for (plan::Container& container : job.containers)
      lowering.lower("time for a service to be ready", container.ready.timeout_ns, bounds.timeout_ns,
                     text::format_duration);
  }
  lowering.tell(notes);
}

}  // namespace testctr::bundle
