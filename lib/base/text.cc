#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>

namespace testctr::text {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    size_t end = text.find('\n');
    size_t size = end == std::string_view::npos ? text.size() : end + 1;
    result.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return result;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

namespace {

// The length of the valid UTF-8 sequence at the start of `bytes` (Unicode 15, table 3-7), 0 when there is
// none.
size_t utf8_sequence(std::string_view bytes) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  auto tail = [&](size_t i) { return i < bytes.size() && (at(i) & 0xc0) == 0x80; };
  uint8_t c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if ((c == 0xe0 && at(1) < 0xa0) || (c == 0xed && at(1) > 0x9f)) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((c == 0xf0 && at(1) < 0x90) || (c == 0xf4 && at(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

/// Whether a terminal may show it in two columns: East Asian scripts, symbols that some fonts draw wide,
/// emoji.
bool is_wide(std::string_view one) {
  struct Range {
    std::string_view first, last;
  };
  static constexpr Range wide[] = {
      {"\u1100", "\u115f"}, {"\u2300", "\u2bff"},         {"\u2e80", "\ua4cf"},        {"\ua960", "\ua97f"},
      {"\uac00", "\ud7a3"}, {"\uf900", "\ufaff"},         {"\ufe10", "\ufe6f"},        {"\uff00", "\uff60"},
      {"\uffe0", "\uffe6"}, {"\U00016fe0", "\U0001b2ff"}, {"\U0001f000", "\U0003ffff"}};
  return std::any_of(std::begin(wide), std::end(wide), [&](const Range& range) {
    return one.size() == range.first.size() && one >= range.first && one <= range.last;
  });
}

/// Characters that change in which order others are shown, or begin a line.
bool turns_text_round(std::string_view one) {
  const auto between = [&](std::string_view first, std::string_view last) {
    return one >= first && one <= last;
  };
  return one == "\u061c" || between("\u200e", "\u200f") || between("\u2028", "\u202e") ||
         between("\u2066", "\u2069");
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t n = utf8_sequence(bytes);
    if (n == 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

std::string to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    size_t n = utf8_sequence(bytes);
    if (n == 0) {
      out += "\xef\xbf\xbd";
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, n);
      bytes.remove_prefix(n);
    }
  }
  return out;
}

std::string printable(std::string_view bytes, bool keep_layout) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    size_t n = utf8_sequence(bytes);
    auto c = static_cast<uint8_t>(bytes[0]);
    bool c1 =
        n == 2 && c == 0xc2 && static_cast<uint8_t>(bytes[1]) < 0xa0;  // U+0080 to U+009F drive terminals too
    bool layout = keep_layout && (c == '\n' || c == '\t');
    if (n == 0 || c1 || turns_text_round(bytes.substr(0, n)) || ((c < 0x20 || c == 0x7f) && !layout)) {
      size_t bad = n == 0 ? 1 : n;
      for (size_t i = 0; i < bad; ++i) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(bytes[i]));
      bytes.remove_prefix(bad);
    } else {
      out += bytes.substr(0, n);
      bytes.remove_prefix(n);
    }
  }
  return out;
}

size_t columns_at_most(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const size_t n = std::max<size_t>(utf8_sequence(text), 1);
    columns += is_wide(text.substr(0, n)) ? 2 : 1;
    text.remove_prefix(n);
  }
  return columns;
}

std::string within_columns(std::string_view text, size_t columns) {
  if (columns_at_most(text) <= columns) return std::string(text);
  constexpr std::string_view cut = "...";
  size_t left = columns > cut.size() ? columns - cut.size() : columns;
  size_t end = 0;
  while (end < text.size()) {
    const size_t n = std::max<size_t>(utf8_sequence(text.substr(end)), 1);
    const size_t width = is_wide(text.substr(end, n)) ? 2 : 1;
    if (width > left) break;
    left -= width;
    end += n;
  }
  return std::string(text.substr(0, end)) + std::string(columns > cut.size() ? cut : "");
}

std::string quoted(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    size_t n = utf8_sequence(bytes);
    auto c = static_cast<uint8_t>(bytes[0]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (n <= 1) {
      out += printable(bytes.substr(0, 1));
    } else {
      out += printable(bytes.substr(0, n));
    }
    bytes.remove_prefix(std::max<size_t>(n, 1));
  }
  return out + "\"";
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view safe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
  if (!word.empty() && word.find_first_not_of(safe) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t longest = 256;
  a = a.substr(0, longest);
  b = b.substr(0, longest);
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  std::optional<std::string> best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (best) return best;
  // "retry" is meant for "retries": all but its end is the same.
  for (const auto& candidate : candidates) {
    const size_t same = static_cast<size_t>(
        std::mismatch(word.begin(), word.end(), candidate.begin(), candidate.end()).first - word.begin());
    if (same >= 4 && 4 * same >= 3 * std::min(word.size(), candidate.size())) return candidate;
  }
  return best;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) out += k <= have ? alphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  auto value = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    size_t pads = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2U : 1U) : 0U;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      int v = k >= 4 - pads ? 0 : value(text[i + k]);
      if (v < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(v);
    }
    for (size_t k = 0; k < 3 - pads; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string human_size(uint64_t bytes) {
  constexpr std::array<const char*, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || text.empty()) return std::nullopt;
  std::string_view number = text.substr(0, digits);
  uint64_t value = 0;
  for (char c : number) {
    if (value > (std::numeric_limits<uint64_t>::max() - 9) / 10) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  std::string unit;
  if (digits != std::string_view::npos) {
    for (char c : text.substr(digits)) unit += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  unsigned shift = 0;
  if (unit.empty() || unit == "b") {
    shift = 0;
  } else {
    constexpr std::string_view prefixes = "kmgt";
    size_t index = prefixes.find(unit[0]);
    std::string_view rest = std::string_view(unit).substr(1);
    if (index == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib"))
      return std::nullopt;
    shift = static_cast<unsigned>(10 * (index + 1));
  }
  if (shift != 0 && value > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
  return value << shift;
}

std::optional<int64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  struct Unit {
    std::string_view name;
    int64_t nanoseconds;
  };
  constexpr std::array<Unit, 8> units = {{{"ns", 1},
                                          {"us", 1'000},
                                          {"\xc2\xb5s", 1'000},
                                          {"\xce\xbcs", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};
  long double total = 0;
  while (!text.empty()) {
    size_t end = text.find_first_not_of("0123456789.");
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    std::string_view number = text.substr(0, end);
    if (std::count(number.begin(), number.end(), '.') > 1 || number == ".") return std::nullopt;
    long double value = 0, scale = 0;
    for (char c : number) {
      if (c == '.') {
        scale = 1;
        continue;
      }
      value = value * 10 + static_cast<long double>(c - '0');
      if (scale != 0) scale *= 10;
    }
    if (scale != 0) value /= scale;
    text.remove_prefix(end);
    const Unit* unit = nullptr;
    for (const auto& candidate : units) {
      std::string_view rest = text.substr(0, candidate.name.size());
      if (rest == candidate.name && (unit == nullptr || candidate.name.size() > unit->name.size()))
        unit = &candidate;
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += value * static_cast<long double>(unit->nanoseconds);
  }
  if (total >= 9.2e18L) return std::nullopt;
  return static_cast<int64_t>(total);
}

std::string format_duration(int64_t nanoseconds) {
  double seconds = static_cast<double>(nanoseconds) / 1e9;
  if (nanoseconds < 1'000) return fmt::format("{}ns", nanoseconds);
  if (nanoseconds < 1'000'000) return fmt::format("{}us", nanoseconds / 1000);
  if (nanoseconds < 1'000'000'000) return fmt::format("{}ms", nanoseconds / 1'000'000);
  if (seconds < 60) return fmt::format("{:.4g}s", seconds);
  auto whole = static_cast<int64_t>(seconds);
  std::string out;
  if (whole >= 3600) out += fmt::format("{}h", whole / 3600);
  if (whole >= 60) out += fmt::format("{}m", whole / 60 % 60);
  return out + fmt::format("{}s", whole % 60);
}

}  // namespace testctr::text
