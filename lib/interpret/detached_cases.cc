#include "interpret/detached_cases.h"

#include <algorithm>
#include <csignal>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/case_family.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t stop_grace_ns = 1'000'000'000;
constexpr uint64_t look_interval_ns = 5'000'000;
constexpr size_t named_at_most = 8;

/// The exit status that a detached case has left behind; nothing while it runs.
std::optional<int> code_told(const Beside& beside, const std::string& control) {
  auto text = sys::read_file(fmt::format("{}/detached{}.code", control, beside.number), 64);
  if (!text.ok() || text.value().empty()) return std::nullopt;
  return static_cast<int>(std::strtol(text.value().c_str(), nullptr, 10));
}

}  // namespace

void stop_detached(std::list<Beside>& cases, Children& children, const std::string& control) {
  for (Beside& beside : cases) beside.process.status = code_told(beside, control);
  std::set<pid_t> waited;
  const std::vector<Process> below = Children::left_behind().value_or(std::vector<Process>());
  for (const Beside& beside : cases) {
    const int signal = *beside.config.detached_kill_signal;
    if (signal == 0 || beside.process.status) continue;
    for (pid_t pid : family_of(below, beside.process.pid)) {
      (void)::kill(pid, signal);
      waited.insert(pid);
    }
  }
  const uint64_t until = sys::monotonic_ns() + stop_grace_ns;
  const auto alive = [&] {
    return std::any_of(waited.begin(), waited.end(), [](pid_t pid) { return ::kill(pid, 0) == 0; });
  };
  while (!waited.empty() && alive() && sys::monotonic_ns() < until) {
    if (children.wait_until(sys::monotonic_ns() + look_interval_ns) == Pause::cancelled) break;
  }
}

std::string left_behind(const std::vector<pid_t>& own, const std::list<Beside>& cases) {
  auto below = Children::left_behind();
  if (!below) return "";
  const pid_t shell = own.empty() ? -1 : own.front();
  std::set<pid_t> known(own.begin(), own.end());
  for (const Beside& beside : cases) known.insert(beside.process.pid);
  std::string names;
  size_t count = 0;
  for (const Process& process : *below) {
    if (known.contains(process.pid) || (known.contains(process.parent) && process.parent != shell)) {
      known.insert(process.pid);
      continue;
    }
    if (++count <= named_at_most)
      names += fmt::format("{}{} (process {})", count == 1 ? "" : ", ", text::printable(process.name),
                           process.pid);
  }
  if (count > named_at_most) names += fmt::format(" and {} more", count - named_at_most);
  return names;
}

}  // namespace testctr::interpret
