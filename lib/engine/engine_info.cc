#include "engine/engine_info.h"

#include <unistd.h>

#include <charconv>

#include "base/sys.h"
#include "base/text.h"
#include "engine/courier.h"
#include "net/url.h"

namespace testctr::engine {
namespace {

constexpr size_t longest_version = 60;
constexpr int64_t foreign_age_s = 3600;

bool flag(const Json& object, const char* key) {
  const Json* found = json::find(object, key, Json::value_t::boolean);
  return found != nullptr && found->get<bool>();
}

std::string string_of(const Json& object, const char* key) {
  auto found = json::get_string(object, key, "");
  return found.ok() ? found.value() : "";
}

bool says_rootless(const Json& info) {
  if (flag(info, "Rootless")) return true;
  const Json* options = json::find(info, "SecurityOptions", Json::value_t::array);
  if (options == nullptr) return false;
  for (const Json& option : *options) {
    if (option.is_string() && option.get<std::string>().starts_with("name=rootless")) return true;
  }
  return false;
}

std::string link_of(const std::string& path) {
  auto link = sys::read_link_at(AT_FDCWD, path);
  return link.ok() ? link.value() : "";
}

/// When a process began; empty: there is none.
std::string start_of(long pid) {
  auto stat = sys::read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat.ok()) return "";
  // Behind the name, which may hold anything: the third field and so on.
  const size_t name = stat.value().rfind(')');
  if (name == std::string::npos) return "";
  const auto fields = text::split(std::string_view(stat.value()).substr(name + 1), ' ');
  constexpr size_t state = 1, started = 22 - 2;
  if (fields.size() <= started || fields[state] == "Z" || fields[state] == "X") return "";
  return fields[started];
}

std::string boot_id() {
  auto id = sys::read_file("/proc/sys/kernel/random/boot_id", 256);
  return id.ok() ? std::string(text::trim(id.value())) : "";
}

}  // namespace

Result<EngineInfo> ask_engine(Api& api) {
  // Not /version: Podman takes seconds for that. Docker's socket may be Podman's.
  const std::string server = TRY(api.server());
  EngineInfo engine;
  for (const auto& [theirs, ours] : {std::pair{"Docker/", "docker"}, std::pair{"Libpod/", "podman"}}) {
    if (!server.starts_with(theirs)) continue;
    const std::string number = server.substr(server.find('/') + 1);
    engine.shown = fmt::format(
        "{} {}", ours, text::printable(number.substr(0, std::min(number.find(' '), longest_version))));
  }
  if (engine.shown.empty())
    return Error::infrastructure(
        fmt::format("what listens at {} is neither Docker's engine nor Podman's", api.endpoint().socket));
  const Json info = TRY_IN(api.get("/info"), "asking the engine what it can do");
  if (!info.is_object()) return Error::infrastructure("the engine does not tell what it can do");
  engine.rootless = says_rootless(info);
  // An ordinary user's engine has only what is delegated to him, and that only in the second version.
  const bool groups = !engine.rootless || string_of(info, "CgroupVersion") == "2";
  engine.memory = groups && flag(info, "MemoryLimit");
  engine.swap = engine.memory && flag(info, "SwapLimit");
  engine.pids = groups && flag(info, "PidsLimit");
  engine.cpus = groups && (flag(info, "CpuCfsQuota") || flag(info, "CPUCfsQuota"));
  return engine;
}

Owner Owner::self() {
  Owner owner;
  owner.boot = boot_id();
  owner.space = link_of("/proc/self/ns/pid");
  owner.pid = ::getpid();
  owner.started = start_of(owner.pid);
  return owner;
}

std::string Owner::str() const { return fmt::format("{} {} {} {}", boot, space, pid, started); }

bool Owner::is_gone(const std::string& text) {
  const auto parts = text::split(text, ' ');
  if (parts.size() != 4 || parts[0] != boot_id() || parts[1] != link_of("/proc/self/ns/pid")) return false;
  long pid = 0;
  const auto read = std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), pid);
  if (read.ec != std::errc() || pid <= 0) return false;
  return start_of(pid) != parts[3];
}

Status remove_abandoned(Api& api) {
  const std::string filter = net::encode_component(json::dump(Json{{"label", {owner_label}}}));
  const Json all = TRY_IN(api.get("/containers/json?all=1&filters=" + filter), "asking for containers");
  if (!all.is_array()) return Error::infrastructure("the engine does not tell its containers");
  const auto now = static_cast<int64_t>(sys::realtime_ns() / 1'000'000'000);
  for (const Json& one : all) {
    if (!one.is_object()) continue;
    const Json* labels = json::find(one, "Labels", Json::value_t::object);
    const std::string id = string_of(one, "Id");
    if (labels == nullptr || id.empty()) continue;
    // Another machine's, or of another boot: when it has ended, and nobody has come for it for long.
    const std::string state = string_of(one, "State");
    const auto created = json::get_int(one, "Created", now);
    const bool old =
        state != "running" && state != "created" && created.ok() && created.value() < now - foreign_age_s;
    if (!old && !Owner::is_gone(string_of(*labels, owner_label))) continue;
    remove_container(api, net::encode_component(id));
  }
  return {};
}

}  // namespace testctr::engine
