#include "interpret/case_family.h"

namespace testctr::interpret {

std::vector<pid_t> started_since(const std::vector<Process>& all, pid_t self, pid_t shell, pid_t standby,
                                 const std::set<pid_t>& spared) {
  // A standby that the case has killed has left its number: numbers grow, too, as long as they do not begin
  // anew.
  uint64_t started = 0;
  for (const Process& process : all) {
    if (process.pid == standby) started = process.started;
  }
  std::set<pid_t> ours{self, shell};
  std::vector<pid_t> found;
  for (const Process& process : all) {  // nearest first: a parent comes before its children
    if (process.pid == standby || process.pid == shell || spared.contains(process.pid)) continue;
    const bool younger =
        started == 0 || process.started == started ? process.pid > standby : process.started > started;
    if (!younger || !ours.contains(process.parent)) continue;
    ours.insert(process.pid);
    found.push_back(process.pid);
  }
  return found;
}

std::vector<pid_t> family_of(const std::vector<Process>& all, pid_t head) {
  std::vector<pid_t> members{head};
  std::set<pid_t> known{head};
  for (const Process& process : all) {
    if (known.contains(process.parent) && known.insert(process.pid).second) members.push_back(process.pid);
  }
  return members;
}

}  // namespace testctr::interpret
