// State and Continuation on the wire.
#include "interpret/state.h"

#include "interpret/wire.h"

namespace testctr {

const std::string work_token("\0WORK\0", 6);
const std::string path_token("\0PATH\0", 6);

namespace {

constexpr size_t max_name = 4096;
constexpr size_t max_value = size_t{4} << 20;  // more than any kernel takes as one argument or variable
constexpr size_t max_shell = size_t{8} << 20;
constexpr size_t max_buffer = size_t{256} << 20;  // the bound of a whole Continuation
constexpr size_t max_entries = 100'000;
constexpr int64_t max_u32 = UINT32_MAX;

/// Names are bytes and cannot be keys of a JSON object: a list of [name, value] pairs.
template <class Map, class F>
Json pairs(const Map& map, F value) {
  Json list = Json::array();
  for (const auto& [key, entry] : map) list.push_back(Json::array({json::binary(key), value(entry)}));
  return list;
}

/// Hands each pair to `take(name, value)`.
template <class F>
Status each_pair(const Json& wire, const char* key, F take) {
  auto it = wire.find(key);
  if (it == wire.end()) return {};
  auto wrong = [&](const char* what) {
    return Error::infrastructure(fmt::format("key \"{}\" {}", key, what));
  };
  if (!it->is_array()) return wrong("is not an array");
  if (it->size() > max_entries) return wrong("has too many entries");
  for (const Json& pair : *it) {
    if (!pair.is_array() || pair.size() != 2 || !(pair[0].is_binary() || pair[0].is_string())) {
      return wrong("has an entry that is not a pair");
    }
    std::string name = json::bytes_of(pair[0]);
    if (name.size() > max_name) return wrong("has a name of absurd size");
    const Json& value = pair[1];
    if (!value.is_null() && !value.is_binary() && !value.is_string())
      return wrong("has a value that is not a string");
    std::optional<std::string> text;
    if (!value.is_null()) text = json::bytes_of(value);
    if (text && text->size() > max_value) return wrong("has a value of absurd size");
    if (!take(std::move(name), std::move(text))) return wrong("has an entry that cannot be");
  }
  return {};
}

Json to_wire(const State& state) {
  Json wire = Json::object();
  wire["environment"] =
      pairs(state.environment, [](const auto& v) { return v ? json::binary(*v) : Json(nullptr); });
  wire["directory"] = json::binary(state.directory);
  wire["stdout"] = json::binary(state.stdout_buffer);
  wire["stderr"] = json::binary(state.stderr_buffer);
  if (state.status) wire["status"] = *state.status;
  if (state.signalled) wire["signalled"] = true;
  Json targets = Json::array();
  for (const std::string& target : state.targets) targets.push_back(json::binary(target));
  wire["targets"] = std::move(targets);
  if (!state.shell.empty()) wire["shell"] = json::binary(state.shell);
  if (state.spent_ns != 0) wire["spent"] = state.spent_ns;
  wire["line"] = state.line;
  wire["phase"] = json::binary(state.phase);
  return wire;
}

/// A variable's name and value end up in `NAME=VALUE`, ended by a NUL. The tokens' NULs are not of a value.
bool is_variable(const std::string& name, const std::optional<std::string>& value) {
  if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos)
    return false;
  for (size_t at = 0; value && (at = value->find('\0', at)) != std::string::npos; at += work_token.size()) {
    const bool path = name == "PATH" && value->compare(at, path_token.size(), path_token) == 0;
    if (!path && value->compare(at, work_token.size(), work_token) != 0) return false;
  }
  return true;
}

Result<State> state_from_wire(const Json& wire) {
  State state;
  CHECK_OK(each_pair(wire, "environment", [&](std::string name, std::optional<std::string> value) {
    if (!is_variable(name, value)) return false;
    state.environment.insert_or_assign(std::move(name), std::move(value));
    return true;
  }));
  state.directory = TRY(wire::text(wire, "directory", max_value));
  state.stdout_buffer = TRY(wire::text(wire, "stdout", max_buffer));
  state.stderr_buffer = TRY(wire::text(wire, "stderr", max_buffer));
  if (wire.find("status") != wire.end())
    state.status = static_cast<int>(TRY(wire::number(wire, "status", 0, 255)));
  if (wire.find("signalled") != wire.end()) state.signalled = TRY(wire::boolean(wire, "signalled"));
  if (state.signalled && state.status.value_or(0) <= 128)
    return Error::infrastructure("key \"signalled\" without the status of a signal");
  if (auto it = wire.find("targets"); it != wire.end()) {
    if (!it->is_array() || it->size() > max_entries)
      return Error::infrastructure("key \"targets\" is not a list of names");
    for (const Json& target : *it) {
      std::string name = json::bytes_of(target);
      if (name.empty() || name.size() > max_name)
        return Error::infrastructure("key \"targets\" is not a list of names");
      state.targets.push_back(std::move(name));
    }
  }
  state.shell = TRY(wire::text(wire, "shell", max_shell));
  if (wire.find("spent") != wire.end()) state.spent_ns = TRY(wire::number(wire, "spent", 0, INT64_MAX));
  state.line = static_cast<uint32_t>(TRY(wire::number(wire, "line", 0, max_u32)));
  state.phase = TRY(wire::text(wire, "phase", max_value));
  return state;
}

}  // namespace

Json to_wire(const Continuation& continuation) {
  Json wire{{"v", wire::version}};
  wire["step"] = continuation.step;
  wire["position"] = continuation.position;
  wire["state"] = to_wire(continuation.state);
  wire["target"] = json::binary(continuation.target);
  wire["extracted"] = continuation.extracted;
  wire["done"] = continuation.done;
  wire["outcome"] = std::string(to_string(continuation.outcome));
  wire["reason"] = json::binary(continuation.reason);
  return wire;
}

Result<Continuation> continuation_from_wire(const Json& wire) {
  CHECK_OK(wire::check_version(wire, "a continuation"));
  Continuation continuation;
  continuation.step = static_cast<uint32_t>(TRY(wire::number(wire, "step", 0, max_u32)));
  continuation.position = static_cast<uint32_t>(TRY(wire::number(wire, "position", 0, max_u32)));
  const Json* state = json::find(wire, "state", Json::value_t::object);
  if (state == nullptr) return Error::infrastructure("key \"state\" is missing or not an object");
  continuation.state = TRY_IN(state_from_wire(*state), std::string("key \"state\""));
  continuation.target = TRY(wire::text(wire, "target", max_name));
  continuation.extracted = TRY(wire::boolean(wire, "extracted"));
  continuation.done = TRY(wire::boolean(wire, "done"));
  continuation.outcome =
      TRY_IN(outcome_from_string(TRY(wire::text(wire, "outcome", 64))), std::string("key \"outcome\""));
  continuation.reason = TRY(wire::text(wire, "reason", max_value));
  return continuation;
}

}  // namespace testctr
