#include "script/json_equal.h"

#include <algorithm>

namespace testctr::script {

namespace {

// The library compares a negative number with a large unsigned one by their bits.
bool numbers_equal(const Json& a, const Json& b) {
  if (a.is_number_float() || b.is_number_float()) return a.get<double>() == b.get<double>();
  if (a.is_number_unsigned() != b.is_number_unsigned()) {
    const Json& with_sign = a.is_number_unsigned() ? b : a;
    if (with_sign.get<int64_t>() < 0) return false;
  }
  return a.get<uint64_t>() == b.get<uint64_t>();
}

}  // namespace

// Recursion is bounded: json::parse takes no text that is nested deeper than 512.
bool json_equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return numbers_equal(a, b);
  if (a.type() != b.type()) return false;
  if (a.is_array()) return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), json_equal);
  if (a.is_object()) {
    if (a.size() != b.size()) return false;
    for (auto member = a.begin(), other = b.begin(); member != a.end(); ++member, ++other) {
      if (member.key() != other.key() || !json_equal(member.value(), other.value())) return false;
    }
    return true;
  }
  return a == b;
}

}  // namespace testctr::script
