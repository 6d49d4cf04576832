// `replace`: Go's strings and Go's replacer.
#include "interpret/replacer.h"

#include <doctest/doctest.h>

#include <vector>

using namespace testctr;
using namespace testctr::interpret;

namespace {

std::string unquoted(std::string_view text) {
  auto result = unquote_go(text);
  return result.ok() ? result.value() : "error";
}

std::string replaced(std::string_view text, std::vector<std::pair<std::string, std::string>> pairs) {
  std::string all;
  auto take = [&all](std::string_view part) {
    all += part;
    return Status();
  };
  return replace_all(text, pairs, take).ok() ? all : "error";
}

}  // namespace

TEST_CASE("replace: strings as in Go") {
  CHECK(unquoted("plain 'x'") == "plain 'x'");
  CHECK(unquoted("\\n\\r\\t\\\\\\\"\\a\\b\\f\\v") == "\n\r\t\\\"\a\b\f\v");
  CHECK(unquoted("\\x41\\101\\u00e4\\U0001f600") == "AA\xc3\xa4\xf0\x9f\x98\x80");
  CHECK(unquoted("\\xff") == "\xff");
  CHECK(unquoted("\\u20ac") == "\xe2\x82\xac");
  for (const char* bad : {"\\", "\\q", "\\'", "a\"b", "a\nb", "\\x4", "\\xg0", "\\400", "\\18", "\\ud800",
                          "\\U00110000", "\\u12"}) {
    CAPTURE(bad);
    CHECK(unquoted(bad) == "error");
  }
}

TEST_CASE("replace: several strings at once, as Go's Replacer") {
  CHECK(replaced("abc", {{"a", "b"}, {"b", "a"}}) == "bac");
  CHECK(replaced("aaa", {{"a", "1"}, {"aa", "2"}}) == "111");
  CHECK(replaced("aaa", {{"aa", "2"}, {"a", "1"}}) == "21");
  CHECK(replaced("abc", {{"", "X"}}) == "XaXbXcX");
  CHECK(replaced("", {{"", "X"}}) == "X");
  CHECK(replaced("abc", {{"b", "1"}, {"", "X"}}) == "Xa1XcX");
  CHECK(replaced("abc", {}) == "abc");
  CHECK(replaced("a\r\nb\r\n", {{"\r\n", "\n"}}) == "a\nb\n");
}
