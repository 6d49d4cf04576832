// Regular expressions: the table of the reference, Go's way of counting, bytes that are not UTF-8.
#include "interpret/pattern.h"

#include <doctest/doctest.h>

#include "base/text.h"
#include "interpret/buffer.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

uint64_t count(const char* expression, std::string_view text) {
  auto pattern = Pattern::compile(expression);
  REQUIRE(pattern.ok());
  return pattern.value().count(text);
}

bool matches(const char* expression, std::string_view text) {
  auto pattern = Pattern::compile(expression);
  REQUIRE(pattern.ok());
  return pattern.value().find(text).has_value();
}

}  // namespace

TEST_CASE("pattern: the engine's table") {
  constexpr std::string_view text = "a.b\nc\td\nE\n";
  CHECK(count("^.*$", text) == 4);
  CHECK(count("^", text) == 4);
  CHECK(count("^$", text) == 1);
  CHECK(count("\\Qa.b\\E", text) == 1);
  CHECK(count("\\Aa", text) == 1);
  CHECK(count("E\\n\\z", text) == 1);
  CHECK(count("(?i)^e$", text) == 1);
  CHECK(count("(?s)a.*E", text) == 1);
  CHECK(count("(?P<n>E)", text) == 1);
  CHECK(count("c\\td", text) == 1);
  CHECK(matches("b\\nc", text));
  CHECK_FALSE(matches("(?-m)^c", text));
  CHECK(matches("(?-m)E\\n$", text));
}

TEST_CASE("pattern: what the first group takes") {
  const auto group = [](const char* expression, std::string_view text) {
    auto pattern = Pattern::compile(expression);
    REQUIRE(pattern.ok());
    auto found = pattern.value().find_group(text);
    return found ? std::string(*found) : "nothing";
  };
  CHECK(group("b.", "abcd") == "bc");
  CHECK(group("b(.)(.)", "abcd") == "c");
  CHECK(group("(?:b)c", "abcd") == "bc");
  CHECK(group("(x)?b", "abcd").empty());
  CHECK(group("()", "").empty());
  CHECK(group("(x)", "abcd") == "nothing");
  CHECK(group("^(.*)$", "a\nb") == "a");
}

TEST_CASE("pattern: counting as Go's FindAll does") {
  CHECK(count("a*", "baaab") == 3);
  CHECK(count("", "abc") == 4);
  CHECK(count("", "") == 1);
  CHECK(count("x*", "") == 1);
  CHECK(count("a|", "aab") == 3);
  CHECK(count("aa", "aaaaa") == 2);
  CHECK(count("", "\xc3\xa4\xe2\x82\xac") == 3);
  CHECK(count("\\b", "ab cd") == 4);
  CHECK(count("$", "a\nb\n") == 3);
}

TEST_CASE("pattern: bytes that are not UTF-8 are U+FFFD each") {
  ::testctr::interpret::OutputBuffer buffer("/tmp"), storage("/tmp");
  REQUIRE(buffer
              .append("a\xff"
                      "b")
              .ok());
  auto text = valid_text(buffer, storage);
  REQUIRE(text.ok());
  CHECK(matches("a.b", text.value()));
  CHECK_FALSE(matches("a..b", text.value()));
  CHECK(text::to_utf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("pattern: what is refused, and quoting") {
  for (const char* bad : {"[", "(", "a**", "\\8", "(?<x", "\xff"}) {
    CAPTURE(bad);
    auto pattern = Pattern::compile(bad);
    REQUIRE_FALSE(pattern.ok());
    CHECK(pattern.error().fault() == Fault::usage);
    CHECK_FALSE(pattern.error().hint().empty());
  }
  std::string all = "a.b+c*d?e(f)g|h[i]j{k}l^m$n\\o";
  CHECK(quote_meta(all) == "a\\.b\\+c\\*d\\?e\\(f\\)g\\|h\\[i\\]j\\{k\\}l\\^m\\$n\\\\o");
  CHECK(matches(quote_meta(all).c_str(), all));
}

TEST_CASE("pattern: the lines of a match") {
  std::string_view text = "one\ntwo\nthree\n";
  CHECK(lines_around(text, text.substr(5, 1)) == "two");
  CHECK(lines_around(text, text.substr(5, 5)) == "two\nthree");
  CHECK(lines_around(text, text.substr(0, 0)) == "one");
  CHECK(lines_around(text, text.substr(13, 0)) == "three");
  CHECK(lines_around(text, text.substr(14, 0)).empty());
}

TEST_CASE("buffer: beyond a bound the bytes are in a file, and read the same") {
  OutputBuffer buffer("/tmp");
  std::string all;
  for (int i = 0; i < 40; ++i) {
    std::string piece(100'000, static_cast<char>('a' + i % 26));
    REQUIRE(buffer.append(piece).ok());
    all += piece;
    if (i == 5 || i == 25) CHECK(buffer.view().value() == all);
  }
  CHECK(buffer.size() == all.size());
  OutputBuffer moved = std::move(buffer);
  CHECK(moved.view().value() == all);
  CHECK(buffer.empty());
  REQUIRE(buffer.append("again").ok());
  CHECK(buffer.view().value() == "again");
  moved.clear();
  CHECK(moved.view().value().empty());
}

TEST_CASE("buffer: a directory that cannot be written to does not stop it") {
  OutputBuffer buffer("/proc/nowhere");
  REQUIRE(buffer.append(std::string(OutputBuffer::memory_bound + 5, 'x')).ok());
  CHECK(buffer.view().value().size() == OutputBuffer::memory_bound + 5);
}

TEST_CASE("buffer: characters are not cut where a long text is made valid") {
  OutputBuffer buffer("/tmp"), storage("/tmp");
  std::string text;
  while (text.size() < 1'000'000) text += "\xe2\x82\xac";
  REQUIRE(buffer.append("\xff" + text + "\x80\x80\x80\x80\x80\x80").ok());
  auto valid = valid_text(buffer, storage);
  REQUIRE(valid.ok());
  std::string bad = "\xef\xbf\xbd";
  CHECK(valid.value() == bad + text + bad + bad + bad + bad + bad + bad);
}
