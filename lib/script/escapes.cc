#include "script/escapes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace testctr::script {

namespace {

int digit_value(char c, int base) {
  int value = c >= '0' && c <= '9'   ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                     : 99;
  return value < base ? value : -1;
}

// The value of `\xHH` or `\0OO` behind the letter at `at`; nothing when the digits are not there.
std::optional<char> digits(std::string_view text, size_t at, size_t count, int base) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    int digit = digit_value(text[i], base);
    if (digit < 0) return std::nullopt;
    value = value * base + digit;
  }
  return static_cast<char>(value);
}

std::optional<char> letter(char c, std::string_view letters, std::string_view values) {
  size_t at = letters.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return values[at];
}

Error lone_backslash() {
  return Error::usage("the escaped text ends in a lone backslash; write \\\\ for a backslash");
}

void append_hex(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  auto byte = static_cast<uint8_t>(c);
  out += "\\x";
  out += hex[byte >> 4];
  out += hex[byte & 15];
}

void append_escaped(std::string& out, char c) {
  if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\\') {
    out += "\\\\";
  } else if (c < 0x20 || c == 0x7f) {  // `char` may be signed or not: bytes over 0x7f are asked for apart
    append_hex(out, c);
  } else {
    out += c;
  }
}

struct Range {
  char32_t first, last;
};
// What does not show or changes how its neighbours show: controls, formats, private use, no characters;
// behind the last plane, invalid bytes.
constexpr std::array<Range, 24> unprintable = {
    {{0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},      {0x61c, 0x61c},
     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x180e, 0x180e},   {0x200b, 0x200f},    {0x2028, 0x202e},
     {0x2060, 0x206f},   {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb},
     {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},  {0x1d173, 0x1d17a},
     {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff}, {0xdfffe, 0x1ffffff}}};

bool is_unprintable(char32_t c) {
  return std::any_of(unprintable.begin(), unprintable.end(),
                     [c](Range range) { return c >= range.first && c <= range.last; });
}

}  // namespace

Character first_character(std::string_view bytes) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xc2 && lead <= 0xdf   ? 2
                      : lead >= 0xe0 && lead <= 0xef ? 3
                      : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                     : 0;
  if (size == 0 || bytes.size() < size) return {invalid_byte + lead, 1};
  char32_t value = lead & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {invalid_byte + lead, 1};
    value = value << 6 | (at(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {invalid_byte + lead, 1};
  return {value, size};
}

Result<std::string> unescape_scrut(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return lone_backslash();
    if (auto value = letter(text[i], "abefrtv\\", "\a\b\x1b\f\r\t\v\\")) {
      out += *value;
    } else if (auto octal = digits(text, i + 1, 2, 8); text[i] == '0' && octal) {
      out += *octal;
      i += 2;
    } else if (auto byte = digits(text, i + 1, 2, 16); text[i] == 'x' && byte) {
      out += *byte;
      i += 2;
    } else {
      out += '\\';
      out += text[i];
    }
  }
  return out;
}

Result<std::string> unescape_python(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return lone_backslash();
    if (auto value = letter(text[i], "abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"")) {
      out += *value;
    } else if (text[i] == 'x') {
      auto byte = digits(text, i + 1, 2, 16);
      if (!byte)
        return Error::usage("the escape \\x lacks its two hexadecimal digits; write \\\\x for the text");
      out += *byte;
      i += 2;
    } else if (digit_value(text[i], 8) >= 0) {
      int octal = 0;
      const size_t end = std::min(i + 3, text.size());
      while (i < end && digit_value(text[i], 8) >= 0) octal = octal * 8 + digit_value(text[i++], 8);
      --i;
      out += static_cast<char>(octal);
    } else if (text[i] == '\n') {
      continue;
    } else {
      out += '\\';
      out += text[i];
    }
  }
  return out;
}

std::string escape_ascii(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (static_cast<uint8_t>(c) > 0x7e)
      append_hex(out, c);
    else
      append_escaped(out, c);
  }
  return out;
}

std::string escape_unicode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [value, size] = first_character(text);
    if (value < 0x80) {
      append_escaped(out, text[0]);
    } else if (is_unprintable(value)) {
      for (char c : text.substr(0, size)) append_hex(out, c);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_printable_unicode(std::string_view text) {
  while (!text.empty()) {
    const auto [value, size] = first_character(text);
    if (is_unprintable(value)) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string cram_rendering(std::string_view line) {
  std::string out(line);
  if (line.ends_with('\n'))
    out.pop_back();
  else
    out += " (no-eol)";
  if (!is_printable_ascii(out)) out = escape_ascii(out) + " (esc)";
  return out += '\n';
}

}  // namespace testctr::script
