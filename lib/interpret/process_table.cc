// Reads /proc.
#include "interpret/process_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <set>

#include "base/proc.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::interpret {
namespace {

constexpr size_t named_at_most = 8;

std::optional<pid_t> number(std::string_view text) {
  pid_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Process> parse_stat(std::string_view text) {
  size_t open = text.find('(');
  size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open || open < 2)
    return std::nullopt;
  Process process;
  process.name = text.substr(open + 1, close - open - 1);
  auto pid = number(text.substr(0, open - 1));
  std::string_view rest = text.substr(close + 1);  // " S 1 ..."
  if (!pid || rest.size() < 4) return std::nullopt;
  process.pid = *pid;
  process.state = rest[1];
  rest.remove_prefix(3);
  auto parent = number(rest.substr(0, rest.find(' ')));
  if (!parent) return std::nullopt;
  process.parent = *parent;
  constexpr int between = 22 - 4;  // proc_pid_stat(5): ppid is the 4th field, starttime the 22nd
  for (int i = 0; i < between && !rest.empty(); ++i)
    rest.remove_prefix(
        std::min(rest.size(), rest.find(' ') == std::string_view::npos ? rest.size() : rest.find(' ') + 1));
  const std::string_view started = rest.substr(0, rest.find(' '));
  (void)std::from_chars(started.data(), started.data() + started.size(), process.started);
  return process;
}

std::string named(const std::vector<Process>& processes) {
  std::string names;
  for (size_t i = 0; i < processes.size() && i < named_at_most; ++i) {
    names += fmt::format("{}{} (process {})", i == 0 ? "" : ", ", text::printable(processes[i].name),
                         processes[i].pid);
  }
  if (processes.size() > named_at_most)
    names += fmt::format(" and {} more", processes.size() - named_at_most);
  return names;
}

std::optional<std::vector<Process>> descendants() { return descendants(::getpid()); }

std::optional<std::vector<Process>> descendants(pid_t of) {
  const proc::Place place = proc::place("");
  auto proc = sys::open_at(place.directory, place.path, O_RDONLY | O_DIRECTORY);
  if (!proc.ok()) return std::nullopt;
  auto names = sys::list_dir(proc.value().get());
  if (!names.ok()) return std::nullopt;
  std::vector<Process> all;
  for (const std::string& name : names.value()) {
    if (!number(name)) continue;
    auto text = sys::read_file_at(proc.value().get(), name + "/stat", 4096);
    if (!text.ok()) continue;  // it has ended since
    if (auto process = parse_stat(text.value())) all.push_back(*std::move(process));
  }
  // /proc of another PID namespace (or none) does not know us.
  std::set<pid_t> known{of};
  bool found = false;
  for (const Process& process : all) found = found || process.pid == of;
  if (!found) return std::nullopt;
  std::vector<Process> below;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Process& process : all) {
      if (!known.contains(process.parent) || !known.insert(process.pid).second) continue;
      grown = true;
      if (process.state != 'Z' && process.state != 'X') below.push_back(process);
    }
  }
  return below;
}

}  // namespace testctr::interpret
