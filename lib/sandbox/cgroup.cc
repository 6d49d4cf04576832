#include "sandbox/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::sandbox {
namespace {

constexpr const char* prefix = "testctr-";

// Paths in mountinfo have blanks and the like as \040.
std::string unescaped(std::string_view word) {
  std::string result;
  for (size_t i = 0; i < word.size(); ++i) {
    unsigned value = 0;
    if (word[i] == '\\' && i + 3 < word.size() &&
        std::from_chars(word.data() + i + 1, word.data() + i + 4, value, 8).ptr == word.data() + i + 4) {
      result += static_cast<char>(value);
      i += 3;
    } else {
      result += word[i];
    }
  }
  return result;
}

// Where the group `path` is seen in a mount of the part `root` at `point`.
std::optional<std::string> seen_at(const std::string& point, const std::string& root,
                                   const std::string& path) {
  std::string rest = path;
  if (root != "/") {
    if (rest != root && !rest.starts_with(root + "/")) return std::nullopt;
    rest = rest.substr(root.size());
  }
  // Outside of our cgroup namespace: a group that is not ours to see.
  if (rest.starts_with("/..")) return std::nullopt;
  if (rest == "/") rest.clear();
  return point + rest;
}

Status put(const std::string& path, std::string_view value) {
  Fd file = TRY(sys::open(path, O_WRONLY));
  return sys::write_full(file.get(), value);
}

std::string get(const std::string& path) {
  auto content = sys::read_file(path, size_t{64} << 10);
  return content.ok() ? std::move(content).value() : "";
}

bool has_word(const std::string& content, const std::string& word) {
  auto words = text::split(text::trim(content), ' ');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Groups of runners that were killed; those in which something still lives cannot be removed.
void sweep(const std::string& parent) {
  auto dir = sys::open(parent, O_RDONLY | O_DIRECTORY);
  if (!dir.ok()) return;
  auto names = sys::list_dir(dir.value().get());
  if (!names.ok()) return;
  for (const std::string& name : names.value()) {
    int pid = 0, number = 0;
    if (std::sscanf(name.c_str(), "testctr-%d-%d", &pid, &number) != 2 || pid <= 0) continue;
    if (::kill(pid, 0) != 0 && errno == ESRCH) unlinkat(dir.value().get(), name.c_str(), AT_REMOVEDIR);
  }
}

// A group with processes cannot hand controllers down, except the topmost. Where we are alone in ours we go
// into a group below it first.
bool divide_own(const std::string& own, const std::vector<std::string>& controllers) {
  if (text::trim(get(own + "/cgroup.procs")) != std::to_string(getpid())) return false;
  const std::string leaf = fmt::format("{}/{}{}-0", own, prefix, getpid());
  if (mkdir(leaf.c_str(), 0755) != 0) return false;
  if (!put(leaf + "/cgroup.procs", "0").ok()) {
    rmdir(leaf.c_str());
    return false;
  }
  std::string words;
  for (const std::string& name : controllers) words += fmt::format("{}+{}", words.empty() ? "" : " ", name);
  return put(own + "/cgroup.subtree_control", words).ok();
}

std::vector<std::string> controllers_of(const std::vector<GroupSetting>& settings) {
  std::vector<std::string> names;
  for (const GroupSetting& each : settings) {
    if (std::find(names.begin(), names.end(), each.controller) == names.end())
      names.push_back(each.controller);
  }
  return names;
}

// The nearest group around ours that hands down all of `controllers`, and in which we may place a process:
// for that, its cgroup.procs must be ours to write, too.
std::string dividable(const Hierarchy& where, const std::vector<std::string>& controllers) {
  for (std::string at = where.own; at.size() >= where.top.size(); at.resize(at.rfind('/'))) {
    const std::string handed = get(at + "/cgroup.subtree_control");
    if (access(at.c_str(), W_OK) == 0 && access((at + "/cgroup.procs").c_str(), W_OK) == 0 &&
        std::all_of(controllers.begin(), controllers.end(),
                    [&](const std::string& name) { return has_word(handed, name); }))
      return at;
    if (at.size() == where.top.size()) break;
  }
  return "";
}

}  // namespace

std::vector<Hierarchy> hierarchies(std::string_view mountinfo, std::string_view groups) {
  std::vector<Hierarchy> result;
  for (std::string_view line : text::lines(mountinfo)) {
    auto words = text::split(text::trim(line), ' ');
    auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 10 || words.end() - dash < 4) continue;
    const std::string type = dash[1];
    if (type != "cgroup" && type != "cgroup2") continue;
    Hierarchy found;
    found.unified = type == "cgroup2";
    found.top = unescaped(words[4]);
    const auto options = text::split(dash[3], ',');
    for (std::string_view each : text::lines(groups)) {
      const size_t first = each.find(':'), second = each.find(':', first + 1);
      if (first == std::string_view::npos || second == std::string_view::npos) continue;
      const auto names = text::split(each.substr(first + 1, second - first - 1), ',');
      const bool same = found.unified
                            ? each.starts_with("0::")
                            : !names.empty() && !names[0].empty() &&
                                  std::find(options.begin(), options.end(), names[0]) != options.end();
      if (!same) continue;
      auto own = seen_at(found.top, unescaped(words[3]), std::string(text::trim(each.substr(second + 1))));
      if (!own) continue;
      found.own = *own;
      if (!found.unified) found.controllers = names;
      result.push_back(found);
      break;
    }
  }
  return result;
}

std::vector<GroupSetting> group_settings(const Limits& limits, bool unified, bool asked_only) {
  std::vector<GroupSetting> settings;
  if (limits.memory != 0 && (limits.memory_asked || !asked_only)) {
    const std::string bytes = std::to_string(limits.memory);
    settings.push_back({"memory", unified ? "memory.max" : "memory.limit_in_bytes", bytes, false});
    // Absent without swap accounting.
    settings.push_back(
        {"memory", unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes", unified ? "0" : bytes, true});
    if (unified) settings.push_back({"memory", "memory.oom.group", "1", true});
  }
  if (limits.pids != 0 && (limits.pids_asked || !asked_only))
    settings.push_back({"pids", "pids.max", std::to_string(limits.pids), false});
  if (limits.cpus > 0) {
    constexpr int period = 100'000;
    const auto quota = std::max<int64_t>(1000, static_cast<int64_t>(limits.cpus * period + 0.5));
    if (unified) {
      settings.push_back({"cpu", "cpu.max", fmt::format("{} {}", quota, period), false});
    } else {
      settings.push_back({"cpu", "cpu.cfs_period_us", std::to_string(period), false});
      settings.push_back({"cpu", "cpu.cfs_quota_us", std::to_string(quota), false});
    }
  }
  return settings;
}

uint64_t group_event(std::string_view events, std::string_view key) {
  for (std::string_view line : text::lines(events)) {
    line = text::trim(line);
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    uint64_t value = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return 0;
}

Group& Group::operator=(Group&& other) noexcept {
  if (this == &other) return *this;
  remove();
  directories_ = std::move(other.directories_);
  other.directories_.clear();
  into_ = std::move(other.into_);
  memory_ = std::move(other.memory_);
  pids_ = std::move(other.pids_);
  cpus_ = std::move(other.cpus_);
  reason_ = std::move(other.reason_);
  return *this;
}

Group::~Group() { remove(); }

void Group::remove() {
  into_.reset();
  for (const Directory& each : directories_) {
    // The last of its processes may still be on its way out.
    for (int turn = 0; turn < 50 && rmdir(each.path.c_str()) != 0 && errno == EBUSY; ++turn) usleep(1000);
  }
  directories_.clear();
}

// Makes a group below `parent`. @return whether it is there with all its settings.
bool Group::make_one(const std::string& parent, const std::vector<GroupSetting>& settings, bool unified) {
  static int number = 0;
  sweep(parent);
  const std::string path = fmt::format("{}/{}{}-{}", parent, prefix, getpid(), ++number);
  if (mkdir(path.c_str(), 0755) != 0) {
    reason_ = Error::system("mkdir", path).message();
    return false;
  }
  for (const GroupSetting& each : settings) {
    Status written = put(path + "/" + each.file, each.value);
    if (written.ok() || each.optional) continue;
    reason_ = fmt::format("{}/{}: {}", path, each.file, written.error().message());
    rmdir(path.c_str());
    return false;
  }
  directories_.push_back({path, unified, controllers_of(settings)});
  for (const std::string& name : directories_.back().controllers) {
    std::string& holds = name == "memory" ? memory_ : name == "pids" ? pids_ : cpus_;
    holds = unified ? "cgroup v2" : "cgroup v1";
  }
  return true;
}

Group Group::make(const Limits& limits, const std::vector<Hierarchy>& where) {
  Group group;
  for (const Hierarchy& each : where) {
    if (!each.unified) continue;
    for (bool asked_only : {false, true}) {
      const auto settings = group_settings(limits, true, asked_only);
      if (settings.empty()) continue;
      const auto controllers = controllers_of(settings);
      std::string parent = dividable(each, controllers);
      const std::string offered = get(each.own + "/cgroup.controllers");
      if (parent.empty() && asked_only &&
          std::all_of(controllers.begin(), controllers.end(),
                      [&](const std::string& name) { return has_word(offered, name); }) &&
          divide_own(each.own, controllers))
        parent = each.own;
      if (parent.empty() || !group.make_one(parent, settings, true)) continue;
      if (auto dir = sys::open(group.directories_.back().path, O_RDONLY | O_DIRECTORY); dir.ok())
        group.into_ = std::move(dir).value();
      return group;
    }
  }
  // Controllers of version 1 may be spread over hierarchies, or share one.
  for (const Hierarchy& each : where) {
    if (each.unified) continue;
    std::vector<GroupSetting> settings;
    for (const GroupSetting& setting : group_settings(limits, false, true)) {
      if (std::find(each.controllers.begin(), each.controllers.end(), setting.controller) !=
          each.controllers.end())
        settings.push_back(setting);
    }
    const bool done = std::all_of(settings.begin(), settings.end(), [&](const GroupSetting& s) {
      return !(s.controller == "memory" ? group.memory_
               : s.controller == "pids" ? group.pids_
                                        : group.cpus_)
                  .empty();
    });
    if (!done) group.make_one(each.own, settings, false);
  }
  return group;
}

Group Group::make(const Limits& limits) {
  auto mountinfo = sys::read_file("/proc/self/mountinfo", size_t{4} << 20),
       groups = sys::read_file("/proc/self/cgroup", size_t{64} << 10);
  if (!mountinfo.ok() || !groups.ok()) return {};
  return make(limits, hierarchies(mountinfo.value(), groups.value()));
}

Status Group::add(pid_t pid, bool cloned_into) {
  for (const Directory& each : directories_) {
    if (each.unified && cloned_into) continue;
    CHECK_OK(put(each.path + "/cgroup.procs", std::to_string(pid)));
  }
  return {};
}

Group::Reading Group::read() const {
  Reading reading;
  for (const Directory& each : directories_) {
    auto has = [&](const char* name) {
      return std::find(each.controllers.begin(), each.controllers.end(), name) != each.controllers.end();
    };
    if (has("memory")) {
      const std::string peak =
          get(each.path + (each.unified ? "/memory.peak" : "/memory.max_usage_in_bytes"));
      std::from_chars(peak.data(), peak.data() + peak.size(), reading.peak_memory);
      reading.memory_exceeded =
          group_event(get(each.path + (each.unified ? "/memory.events" : "/memory.oom_control")),
                      "oom_kill") != 0;
    }
    if (has("pids")) reading.pids_exceeded = group_event(get(each.path + "/pids.events"), "max") != 0;
  }
  return reading;
}

}  // namespace testctr::sandbox
