#include "report/xml.h"

#include <chrono>

#include "base/text.h"

namespace testctr::report {
namespace {

/// The length of the terminal escape sequence that `text` begins with (ESC first), at least 1.
size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  const char kind = text[1];
  if (kind == '[') {  // CSI: parameters and intermediates, then one byte from @ to ~
    size_t i = 2;
    while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x3f) ++i;
    return i < text.size() && text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : 2;
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' ||
      kind == 'X') {  // strings, up to BEL or ESC backslash
    const size_t bell = text.find('\a');
    const size_t end = text.find("\x1b\\", 2);
    if (bell == std::string_view::npos && end == std::string_view::npos) return 2;
    return bell < end ? bell + 1 : end + 2;
  }
  size_t i = 1;  // others: intermediates, then one final byte
  while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x2f) ++i;
  return i < text.size() && text[i] >= 0x30 && text[i] <= 0x7e ? i + 1 : 1;
}

/// Whether the three bytes at `text` are U+FFFE or U+FFFF, which XML does not allow.
bool is_non_character(std::string_view text) {
  return text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
}

}  // namespace

std::string xml_text(std::string_view bytes) {
  std::string plain;
  while (!bytes.empty()) {
    const char c = bytes[0];
    if (c == '\x1b') {
      bytes.remove_prefix(escape_length(bytes));
      continue;
    }
    plain += c;
    bytes.remove_prefix(1);
  }
  const std::string utf8 = text::to_utf8(plain);
  std::string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size(); ++i) {
    const char c = utf8[i];
    const auto byte = static_cast<unsigned char>(c);
    if (is_non_character(std::string_view(utf8).substr(i))) {
      out += "\xef\xbf\xbd";
      i += 2;
    } else if (byte < 0x20 && c != '\t' && c != '\n') {
      continue;
    } else if (byte == 0x7f) {
      continue;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string timestamp_of(uint64_t wall_ns) {
  const std::chrono::sys_seconds time{std::chrono::seconds(wall_ns / 1'000'000'000)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace testctr::report
