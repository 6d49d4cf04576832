// Where configuration of containers lies, as the XDG base directories and the tools' own variables say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::registry {

/// The variable's value; "" where it is not set.
std::string variable(const char* name);
/// The variable's value where it is an absolute path, else "": as good as unset for the XDG directories.
std::string absolute_variable(const char* name);
/// $HOME, or "" where it is no absolute path.
std::string home();
/// $XDG_CONFIG_HOME, else ~/.config; "" where neither is there.
std::string config_home();
/// $XDG_CACHE_HOME, else ~/.cache; "" where neither is there.
std::string cache_home();

/// A configuration file's content, nothing where there is no such file. @return a usage error where it is
/// there and cannot be read, or is larger than a megabyte.
Result<std::optional<std::string>> read_configuration(const std::string& path);

/// The configurations' rule for host names with a wildcard: the length of `name`'s host where `pattern`
/// ("*.example.com") covers it, up to its port; npos else.
size_t match_wildcard(std::string_view pattern, std::string_view name);

}  // namespace testctr::registry
