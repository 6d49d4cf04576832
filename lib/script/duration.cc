#include "script/duration.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/text.h"

namespace testctr::script {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int64_t second = 1'000'000'000;
constexpr int64_t day = 86'400 * second;

struct Unit {
  int64_t nanoseconds;
  std::array<std::string_view, 6> names;
};
// A month is a twelfth of a year, a year 365.25 days.
constexpr std::array<Unit, 10> units = {{
    {1, {"ns", "nsec", "nanos"}},
    {1'000, {"us", "usec", "micros", "\xc2\xb5s", "\xce\xbcs"}},
    {1'000'000, {"ms", "msec", "millis"}},
    {second, {"s", "sec", "secs", "second", "seconds"}},
    {60 * second, {"m", "min", "mins", "minute", "minutes"}},
    {3'600 * second, {"h", "hr", "hrs", "hour", "hours"}},
    {day, {"d", "day", "days"}},
    {7 * day, {"w", "wk", "wks", "week", "weeks"}},
    {2'630'016 * second, {"M", "month", "months"}},
    {31'557'600 * second, {"y", "yr", "yrs", "year", "years"}},
}};

std::optional<int64_t> unit_of(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (const Unit& unit : units) {
    if (std::find(unit.names.begin(), unit.names.end(), name) != unit.names.end()) return unit.nanoseconds;
  }
  return std::nullopt;
}

Error malformed(std::string_view text, std::string_view why) {
  return Error::usage(fmt::format("{} is no time: {}", text::quoted(text.substr(0, 80)), why));
}

/// Takes the bytes up to the first one (not) in `set` from the front of `text`.
std::string_view take(std::string_view& text, std::string_view set, bool while_in) {
  size_t end = std::min(while_in ? text.find_first_not_of(set) : text.find_first_of(set), text.size());
  std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

}  // namespace

Result<int64_t> parse_human_duration(std::string_view text) {
  constexpr std::string_view digits = "0123456789", blanks = " \t";
  constexpr size_t most_digits = 19, most_decimals = 9;
  std::string_view rest = text::trim(text);
  if (rest.empty()) return malformed(text, "write a number and its unit, as in 300ms, 5s or 1h 30m");
  Wide total = 0;
  while (!rest.empty()) {
    std::string_view whole = take(rest, digits, true), decimals;
    if (whole.empty()) return malformed(text, "write a number and its unit, as in 300ms, 5s or 1h 30m");
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      decimals = take(rest, digits, true);
      if (decimals.empty()) return malformed(text, "there are no digits behind the point");
    }
    if (whole.size() > most_digits || decimals.size() > most_decimals)
      return malformed(text, "the number has too many digits");
    take(rest, blanks, true);
    std::string_view name = take(rest, "0123456789. \t", false);
    if (name.empty()) {
      return malformed(text, fmt::format("the unit is missing, write {}s for seconds",
                                         std::string_view(whole.data(), whole.size() + decimals.size() +
                                                                            (decimals.empty() ? 0 : 1))));
    }
    auto unit = unit_of(name);
    if (!unit) {
      return malformed(text, fmt::format("{} is no unit, there are ns, us, ms, s, m, h, d, w, M and y",
                                         text::quoted(name.substr(0, 40))));
    }
    Wide value = 0, scale = 1;
    for (char c : whole) value = value * 10 + static_cast<unsigned>(c - '0');
    for (char c : decimals) {
      value = value * 10 + static_cast<unsigned>(c - '0');
      scale *= 10;
    }
    constexpr Wide longest = std::numeric_limits<int64_t>::max();
    if (value / scale > longest / static_cast<Wide>(*unit)) return malformed(text, "it is too long");
    total += value * static_cast<Wide>(*unit) / scale;
    if (total > longest) return malformed(text, "it is too long");
    take(rest, blanks, true);
  }
  return static_cast<int64_t>(total);
}

}  // namespace testctr::script
