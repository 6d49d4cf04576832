// The forms of texts that draft 7 calls `format`, the simple ones.
#include <arpa/inet.h>
#include <re2/re2.h>

#include <array>

#include "script/json_schema.h"

namespace testctr::script {

namespace {

const RE2& pattern(const char* expression) {
  static std::unordered_map<const char*, std::unique_ptr<RE2>> made;
  auto& one = made[expression];
  if (!one) one = std::make_unique<RE2>(expression, RE2::Quiet);
  return *one;
}

bool is_date(std::string_view text) {
  if (!RE2::FullMatch(text, pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}"))) return false;
  auto number = [&](size_t at, size_t size) { return std::atoi(std::string(text.substr(at, size)).c_str()); };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (month < 1 || month > 12) return false;
  constexpr std::array<int, 12> days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day >= 1 && day <= days[static_cast<size_t>(month - 1)] + (leap && month == 2 ? 1 : 0);
}

// A full time of RFC 3339, with its offset; a leap second is at the end of a day somewhere.
bool is_time(std::string_view text) {
  return RE2::FullMatch(text, pattern("([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?"
                                      "([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"));
}

bool is_date_time(std::string_view text) {
  return text.size() > 11 && (text[10] == 'T' || text[10] == 't') && is_date(text.substr(0, 10)) &&
         is_time(text.substr(11));
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  if (text.find('\0') != std::string_view::npos) return false;
  return inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

bool is_hostname(std::string_view text) {
  return text.size() <= 253 &&
         RE2::FullMatch(text, pattern("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
                                      "(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"));
}

}  // namespace

bool has_format(std::string_view format, std::string_view text) {
  if (format == "date") return is_date(text);
  if (format == "time") return is_time(text);
  if (format == "date-time") return is_date_time(text);
  if (format == "email") return RE2::FullMatch(text, pattern("[^@\\s]+@[^@\\s]+"));
  if (format == "hostname") return is_hostname(text);
  if (format == "ipv4") return is_address(AF_INET, text);
  if (format == "ipv6") return is_address(AF_INET6, text);
  if (format == "uri")
    return RE2::FullMatch(text, pattern("[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=-]|"
                                        "%[0-9A-Fa-f]{2})*"));
  if (format == "uuid")
    return RE2::FullMatch(text, pattern("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"));
  if (format == "regex") return RE2(text, RE2::Quiet).ok();
  return true;
}

}  // namespace testctr::script
