#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"

using namespace testctr;

TEST_CASE("split keeps empty parts") {
  CHECK(text::split("a,,b", ',') == std::vector<std::string>{"a", "", "b"});
  CHECK(text::split("", ',').size() == 1);
}

TEST_CASE("lines keep their ends") {
  auto lines = text::lines("a\n\nb");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "a\n");
  CHECK(lines[2] == "b");
  CHECK(text::lines("").empty());
}

TEST_CASE("UTF-8 is told from other bytes") {
  CHECK(text::is_utf8("z\xc3\xbcrich"));
  CHECK_FALSE(text::is_utf8("\xff"));
  CHECK_FALSE(text::is_utf8("\xc0\x80"));          // overlong
  CHECK_FALSE(text::is_utf8("\xed\xa0\x80"));      // surrogate
  CHECK_FALSE(text::is_utf8("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  CHECK(text::to_utf8("a\xff\xfe") == "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("printable never lets control bytes through") {
  CHECK(text::printable("\x1b[31m") == "\\x1b[31m");
  CHECK(text::printable("a\nb") == "a\\x0ab");
  CHECK(text::printable("a\nb", true) == "a\nb");
  CHECK(text::printable("\xc2\x9b") == "\\xc2\\x9b");  // CSI as one code point
}

TEST_CASE("printable shows what turns text round") {
  CHECK(text::printable("a\u202etxt.exe") == "a\\xe2\\x80\\xaetxt.exe");
  CHECK(text::printable("\u2066\u2069\u200f") == "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\x8f");
  CHECK(text::printable("\u200d\u00e9\u2030\u206a") == "\u200d\u00e9\u2030\u206a");
}

TEST_CASE("columns: never more than a terminal takes") {
  CHECK(text::columns_at_most("abc") == 3);
  CHECK(text::columns_at_most("\u00e9") == 1);
  CHECK(text::columns_at_most("\u6f22\uff21\U0001f600\uac00") == 8);
  CHECK(text::within_columns("abc", 3) == "abc");
  CHECK(text::within_columns("abcdef", 5) == "ab...");
  CHECK(text::within_columns("\u6f22\u5b57\u6f22\u5b57", 6) == "\u6f22...");
  CHECK(text::within_columns("\u6f22\u5b57\u6f22\u5b57", 7) == "\u6f22\u5b57...");
  CHECK(text::within_columns("abcdef", 2) == "ab");
}

TEST_CASE("shell quoting") {
  CHECK(text::shell_quoted("plain-1.2/x") == "plain-1.2/x");
  CHECK(text::shell_quoted("it's") == "'it'\\''s'");
  CHECK(text::shell_quoted("") == "''");
}

TEST_CASE("nearest suggests only what is near") {
  std::vector<std::string> names{"stdout", "stderr", "exists"};
  CHECK(text::nearest("stdotu", names) == "stdout");
  CHECK(text::nearest("exsts", names) == "exists");
  CHECK_FALSE(text::nearest("grep", names).has_value());
  const std::vector<std::string> keys{"needs", "retries", "tree"};
  CHECK(text::nearest("retry", keys) == "retries");
  CHECK_FALSE(text::nearest("rest", keys).has_value());
}

TEST_CASE("base64 goes both ways") {
  for (std::string s : {"", "a", "ab", "abc", "\xff\x00\x01"}) CHECK(text::from_base64(text::base64(s)) == s);
  CHECK(text::base64("ab") == "YWI=");
  CHECK_FALSE(text::from_base64("YW=I").has_value());
  CHECK_FALSE(text::from_base64("YWI").has_value());
}

TEST_CASE("sizes") {
  CHECK(text::parse_size("512") == 512);
  CHECK(text::parse_size("4KiB") == 4096);
  CHECK(text::parse_size("2G") == uint64_t{2} << 30);
  CHECK_FALSE(text::parse_size("").has_value());
  CHECK_FALSE(text::parse_size("1x").has_value());
  CHECK_FALSE(text::parse_size("99999999999999999999").has_value());
  CHECK_FALSE(text::parse_size("18446744073709551615k").has_value());
}

TEST_CASE("durations are Go's") {
  CHECK(text::parse_duration("1h2m3.5s") == 3723500000000);
  CHECK(text::parse_duration("300ms") == 300000000);
  CHECK(text::parse_duration("1m") == 60000000000);
  CHECK_FALSE(text::parse_duration("5").has_value());
  CHECK_FALSE(text::parse_duration("-1s").has_value());
  CHECK_FALSE(text::parse_duration("1x").has_value());
}

TEST_CASE("sha256") {
  CHECK(Digest::of("abc").str() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_FALSE(Digest::parse("md5:abc").ok());
  CHECK_FALSE(Digest::parse("sha256:ABC").ok());
}

TEST_CASE("hostile JSON and CBOR are refused, not crashed on") {
  CHECK_FALSE(json::parse(std::string(100000, '[')).ok());
  CHECK_FALSE(json::from_cbor(std::string(100000, '\x81')).ok());
  CHECK_FALSE(json::from_cbor("\x9f\xff").ok());
  auto round = json::from_cbor(json::to_cbor(Json{{"b", json::binary("\xff\x00")}, {"n", 5}}));
  REQUIRE(round.ok());
  CHECK(json::bytes_of(round.value()["b"]) == "\xff");
}
