// Go's escapes and its strings.Replacer.
#include "interpret/replacer.h"

#include "base/text.h"

namespace testctr::interpret {
namespace {

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

std::optional<uint32_t> digits(std::string_view text, size_t count, uint32_t base) {
  if (text.size() < count) return std::nullopt;
  uint32_t value = 0;
  for (char c : text.substr(0, count)) {
    uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                            : base;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

/// One escape. @param rest begins after the backslash @return how many bytes of `rest` it took, nothing when
/// it is none
std::optional<size_t> escape(std::string_view rest, std::string& out) {
  if (rest.empty()) return std::nullopt;
  constexpr std::string_view names = "abfnrtv\\\"", values = "\a\b\f\n\r\t\v\\\"";
  if (size_t i = names.find(rest[0]); i != std::string_view::npos) {
    out += values[i];
    return 1;
  }
  if (rest[0] == 'x') {
    auto value = digits(rest.substr(1), 2, 16);
    if (!value) return std::nullopt;
    out += static_cast<char>(*value);
    return 3;
  }
  if (rest[0] == 'u' || rest[0] == 'U') {
    size_t count = rest[0] == 'u' ? 4 : 8;
    auto value = digits(rest.substr(1), count, 16);
    if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000)) return std::nullopt;
    append_utf8(out, *value);
    return count + 1;
  }
  auto value = digits(rest, 3, 8);
  if (!value || *value > 255) return std::nullopt;
  out += static_cast<char>(*value);
  return 3;
}

}  // namespace

Result<std::string> unquote_go(std::string_view text) {
  auto bad = [&](std::string_view what) {
    return Error::usage(fmt::format("{} in {}", what, text::quoted(text)))
        .hint("the strings of `replace` are written as in Go: \\n, \\t, \\\\, \\\", \\x41");
  };
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') return bad("a double quote without a backslash");
    if (text[i] == '\n') return bad("a line end");
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    auto taken = escape(text.substr(i + 1), out);
    if (!taken) return bad("an unknown escape");
    i += 1 + *taken;
  }
  return out;
}

Status replace_all(std::string_view text, std::span<const std::pair<std::string, std::string>> pairs,
                   const std::function<Status(std::string_view part)>& take) {
  size_t kept = 0;            // from here to i nothing fitted
  bool empty_before = false;  // the last thing that fitted was an empty string: it does not fit here again
  for (size_t i = 0; i <= text.size();) {
    const std::pair<std::string, std::string>* found = nullptr;
    for (const auto& pair : pairs) {
      if (!text.substr(i).starts_with(pair.first) || (pair.first.empty() && empty_before)) continue;
      found = &pair;
      break;
    }
    empty_before = found != nullptr && found->first.empty();
    if (found == nullptr) {
      ++i;
      continue;
    }
    CHECK_OK(take(text.substr(kept, i - kept)));
    CHECK_OK(take(found->second));
    i += found->first.size();
    kept = i;
  }
  return take(text.substr(kept));
}

}  // namespace testctr::interpret
