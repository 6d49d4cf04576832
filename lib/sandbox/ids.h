// Who is who inside: the user and group maps, and the user of the image, decided from plain text before
// anything is cloned.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::sandbox {

/// A line of /proc/PID/uid_map.
struct Extent {
  uint32_t inside = 0, outside = 0, count = 0;
  bool operator==(const Extent&) const = default;
};
using IdMap = std::vector<Extent>;

/// The text for /proc/PID/uid_map.
std::string map_text(const IdMap& map);
/// Reads such a text; lines that are none are passed over.
IdMap parse_map(std::string_view text);

/// Who programs run as inside.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary
  std::string home = "/";
};

/// Resolves an image's User ("", "1000", "1000:1000", "name", "name:group") with the texts of the image's own
/// /etc/passwd and /etc/group (empty: none). A name that is in neither is an error of the image.
Result<Account> resolve_user(std::string_view user, std::string_view passwd, std::string_view group);

/// The ranges that /etc/subuid (or subgid) gives to `name` or to the number `id`; all of them when `name` is
/// empty and `id` absent.
IdMap subordinate_ranges(std::string_view text, std::string_view name, std::optional<uint32_t> id);

/// A range of 65536 ids for a container of root: high, clear of the subordinate ranges, and within what this
/// user namespace has (`own`).
/// @return its first id, or nothing when there is no room.
std::optional<uint32_t> high_range(const IdMap& own, const IdMap& taken);
constexpr uint32_t range_size = 65536;

}  // namespace testctr::sandbox
