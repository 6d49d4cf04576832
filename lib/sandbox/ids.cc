#include "sandbox/ids.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace testctr::sandbox {
namespace {

constexpr uint32_t first_base = 0x30000000;
constexpr uint32_t last_base = 0x70000000;

std::optional<uint32_t> number(std::string_view word) {
  uint32_t value = 0;
  auto [stop, bad] = std::from_chars(word.data(), word.data() + word.size(), value);
  // (uid_t)-1 means "no change" to setuid's kin
  if (bad != std::errc{} || stop != word.data() + word.size() || word.empty() || value == UINT32_MAX)
    return std::nullopt;
  return value;
}

// The fields of the first line whose field `column` is `value`.
std::optional<std::vector<std::string>> find_line(std::string_view table, size_t column,
                                                  std::string_view value, size_t fields) {
  for (std::string_view line : text::lines(table)) {
    auto parts = text::split(text::trim(line), ':');
    if (parts.size() >= fields && parts[column] == value) return parts;
  }
  return std::nullopt;
}

std::vector<gid_t> groups_of(std::string_view group, std::string_view name) {
  std::vector<gid_t> result;
  for (std::string_view line : text::lines(group)) {
    auto parts = text::split(text::trim(line), ':');
    if (parts.size() < 4) continue;
    auto members = text::split(parts[3], ',');
    auto gid = number(parts[2]);
    if (gid && std::find(members.begin(), members.end(), name) != members.end() && result.size() < 64)
      result.push_back(*gid);
  }
  return result;
}

bool overlaps(uint32_t base, const Extent& e) {
  return uint64_t{base} < uint64_t{e.outside} + e.count && uint64_t{e.outside} < uint64_t{base} + range_size;
}

}  // namespace

std::string map_text(const IdMap& map) {
  std::string result;
  for (const Extent& e : map) result += fmt::format("{} {} {}\n", e.inside, e.outside, e.count);
  return result;
}

IdMap parse_map(std::string_view table) {
  IdMap map;
  for (std::string_view line : text::lines(table)) {
    std::vector<uint32_t> values;
    for (const std::string& word : text::split(text::trim(line), ' ')) {
      if (word.empty()) continue;
      uint32_t value = 0;
      auto [stop, bad] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (bad == std::errc{} && stop == word.data() + word.size()) values.push_back(value);
    }
    if (values.size() == 3) map.push_back({values[0], values[1], values[2]});
  }
  return map;
}

Result<Account> resolve_user(std::string_view user, std::string_view passwd, std::string_view group) {
  Account account;
  const size_t colon = user.find(':');
  const std::string name(user.substr(0, colon));
  const std::string group_name(colon == std::string_view::npos ? "" : user.substr(colon + 1));
  const std::string wanted = name.empty() ? "0" : name;

  auto entry = find_line(passwd, 0, wanted, 7);
  auto id = number(wanted);
  if (!entry && id) entry = find_line(passwd, 2, std::to_string(*id), 7);
  if (entry) id = number((*entry)[2]);
  if (!id) {
    return Error::infrastructure(
               fmt::format("the image's user {} is neither a number nor in the image's /etc/passwd",
                           text::quoted(wanted)))
        .hint("name the user by its number");
  }
  account.uid = *id;
  if (entry) {
    account.gid = number((*entry)[3]).value_or(0);
    if ((*entry)[5].starts_with('/')) account.home = (*entry)[5];
    account.groups = groups_of(group, (*entry)[0]);
  }
  if (!group_name.empty()) {
    auto line = find_line(group, 0, group_name, 3);
    auto gid = line ? number((*line)[2]) : number(group_name);
    if (!gid) {
      return Error::infrastructure(
                 fmt::format("the image's group {} is neither a number nor in the image's /etc/group",
                             text::quoted(group_name)))
          .hint("name the group by its number");
    }
    account.gid = *gid;
    account.groups.clear();
  }
  return account;
}

IdMap subordinate_ranges(std::string_view table, std::string_view name, std::optional<uint32_t> id) {
  IdMap ranges;
  for (std::string_view line : text::lines(table)) {
    auto parts = text::split(text::trim(line), ':');
    if (parts.size() != 3) continue;
    auto first = number(parts[1]), count = number(parts[2]);
    if (!first || !count || *count == 0) continue;
    bool all = name.empty() && !id;
    if (all || (!name.empty() && parts[0] == name) || (id && parts[0] == std::to_string(*id)))
      ranges.push_back({0, *first, *count});
  }
  return ranges;
}

std::optional<uint32_t> high_range(const IdMap& own, const IdMap& taken) {
  for (uint32_t base = first_base; base < last_base; base += range_size) {
    bool mapped = std::any_of(own.begin(), own.end(), [&](const Extent& e) {
      return base >= e.inside && uint64_t{base} + range_size <= uint64_t{e.inside} + e.count;
    });
    if (mapped &&
        std::none_of(taken.begin(), taken.end(), [&](const Extent& e) { return overlaps(base, e); }))
      return base;
  }
  return std::nullopt;
}

}  // namespace testctr::sandbox
