// One file of registries.conf's format, version 2, taken apart and checked; what several say together is in
// registries.cc. The only user of toml++.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/names.h"

namespace testctr::registry {

struct MirrorTable {
  enum class Use : uint8_t { all, digest_only, tag_only };
  std::string location;
  bool insecure = false;
  Use use = Use::all;
};

struct RegistryTable {
  std::string prefix;    ///< "*.example.com", "registry.example/a/b", never empty
  std::string location;  ///< empty only for a wildcard: names stay as they are
  bool insecure = false, blocked = false;
  std::vector<MirrorTable> mirrors;
  std::string place;  ///< "file:line" of the table, for messages
};

struct RegistriesFile {
  std::optional<std::vector<std::string>> search;
  std::optional<ShortNames> short_names;
  std::vector<RegistryTable> registries;
  std::map<std::string, std::string> aliases;  ///< an empty value takes the alias away
};

/// @param file its name, for messages. @return a usage error with file:line:column for broken TOML, values of
/// a wrong type or meaning, contradictions and version 1. Unknown keys are passed over, as newer versions
/// have more.
Result<RegistriesFile> parse_registries(std::string_view text, const std::string& file);

}  // namespace testctr::registry
