#include "registry/places.h"

#include <cstdlib>

#include "base/sys.h"

namespace testctr::registry {
namespace {

constexpr size_t largest_configuration = size_t{1} << 20;

std::string below_home(const char* variable_name, std::string_view folder) {
  std::string set = absolute_variable(variable_name);
  if (!set.empty()) return set;
  std::string base = home();
  return base.empty() ? "" : base + std::string(folder);
}

}  // namespace

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string absolute_variable(const char* name) {
  std::string value = variable(name);
  return value.starts_with('/') ? value : "";
}

std::string home() { return absolute_variable("HOME"); }
std::string config_home() { return below_home("XDG_CONFIG_HOME", "/.config"); }
std::string cache_home() { return below_home("XDG_CACHE_HOME", "/.cache"); }

Result<std::optional<std::string>> read_configuration(const std::string& path) {
  // A folder that may not be searched hides whether the file is there: then it is not for us.
  if (access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
    return std::optional<std::string>();
  auto bytes = sys::read_file(path, largest_configuration);
  if (!bytes.ok()) return std::move(bytes).error().as(Fault::usage);
  return std::optional<std::string>(std::move(bytes).value());
}

size_t match_wildcard(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return std::string_view::npos;
  std::string_view host = name.substr(0, name.find('/'));
  // A port in front of which the pattern ends; the colons of an IPv6 address are no such thing.
  host = host.substr(0, host.find(':'));
  std::string_view domain = pattern.substr(1);
  return host.size() > domain.size() && host.ends_with(domain) ? host.size() : std::string_view::npos;
}

}  // namespace testctr::registry
