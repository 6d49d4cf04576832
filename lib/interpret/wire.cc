// Reads typed, bounded members of values that crossed the channel.
#include "interpret/wire.h"

namespace testctr::wire {

Status check_version(const Json& object, const char* what) {
  if (!object.is_object()) return Error::infrastructure(fmt::format("{} is not an object", what));
  int64_t found = TRY_IN(json::get_int(object, "v"), std::string(what));
  if (found != version) {
    return Error::infrastructure(fmt::format("{} has version {}, not {}", what, found, version));
  }
  return {};
}

Result<std::string> text(const Json& object, const char* key, size_t limit) {
  auto it = object.find(key);
  if (it == object.end()) return std::string();
  if (!it->is_binary() && !it->is_string()) {
    return Error::infrastructure(fmt::format("key \"{}\" is not a string", key));
  }
  size_t size = it->is_binary() ? it->get_binary().size() : it->get_ref<const std::string&>().size();
  if (size > limit) {
    return Error::infrastructure(fmt::format("key \"{}\" is of absurd size: {} bytes", key, size));
  }
  return json::bytes_of(*it);
}

Result<int64_t> number(const Json& object, const char* key, int64_t low, int64_t high) {
  if (object.find(key) == object.end()) return int64_t{0};
  int64_t value = TRY(json::get_int(object, key));
  if (value < low || value > high) {
    return Error::infrastructure(fmt::format("key \"{}\" is out of range: {}", key, value));
  }
  return value;
}

Result<bool> boolean(const Json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end()) return false;
  if (!it->is_boolean()) return Error::infrastructure(fmt::format("key \"{}\" is not a Boolean", key));
  return it->get<bool>();
}

}  // namespace testctr::wire
