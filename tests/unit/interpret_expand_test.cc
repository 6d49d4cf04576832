// Expansion by the rules of Go's os.Expand, row by row of the reference.
#include "interpret/expand.h"

#include <doctest/doctest.h>

#include <map>

#include "interpret/variables.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

std::optional<std::string> lookup(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> variables = {
      {"A", "x"},    {"A1", "y"},  {"RE", "a.b(c"},  {"/", "/"},   {":", ":"},
      {"-", "dash"}, {"1", "one"}, {"a b", "blank"}, {"EMPTY", ""}};
  auto it = variables.find(name);
  if (it == variables.end()) return std::nullopt;
  return it->second;
}

std::string expanded(std::string_view text, bool in_pattern = false) {
  auto result = expand(text, lookup, in_pattern);
  return result.ok() ? result.value() : "error " + result.error().message();
}

}  // namespace

TEST_CASE("expand: names, special names, braces") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"$A", "x"},
      {"${A}", "x"},
      {"$A1", "y"},
      {"${A}1", "x1"},
      {"$A.b", "x.b"},
      {"$A-", "x-"},
      {"$NOPE", ""},
      {"z${NOPE}z", "zz"},
      {"$", "$"},
      {"a$", "a$"},
      {"$ a", "$ a"},
      {"$.", "$."},
      {"${}", ""},
      {"x${}y", "xy"},
      {"x${", "x"},
      {"x${ab", "xab"},
      {"$$", ""},
      {"$$A", "A"},
      {"$1x", "onex"},
      {"$-A", "dashA"},
      {"${1}", "one"},
      {"${-}", "dash"},
      {"$/", "$/"},
      {"$:", "$:"},
      {"${/}", "/"},
      {"${:}", ":"},
      {"${a b}", "blank"},
      {"$A$A", "xx"},
      {"mid${A}end", "midxend"},
      {"\xff$A\xff", "\xffx\xff"},
      {"${RE@R}", "a\\.b\\(c"},
      {"${NOPE@R}", ""},
      {"${A?}", "x"},
      {"${EMPTY?}", ""},
      {"${NOPE?}", "error the variable NOPE is not set"},
      {"${?}", ""},
      {"$?x", "x"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(expanded(row.text) == row.want);
  }
}

TEST_CASE("expand: in a pattern every value is quoted once") {
  CHECK(expanded("^$RE$", true) == "^a\\.b\\(c$");
  CHECK(expanded("${RE@R}", true) == "a\\.b\\(c");
  CHECK(expanded("a.b", true) == "a.b");
}

TEST_CASE("expand: strictly, every unset variable is an error") {
  const auto strictly = [](std::string_view text, bool in_pattern = false) {
    auto result = expand(text, lookup, in_pattern, {.strict = true});
    return result.ok() ? result.value() : "error " + result.error().message();
  };
  CHECK(strictly("$A${EMPTY}$/ $ ${/}") == "x$/ $ /");
  CHECK(strictly("a$NOPE b") == "error the variable NOPE is not set");
  CHECK(strictly("${NOPE@R}") == "error the variable NOPE is not set");
  CHECK(strictly("$NOPE", true) == "error the variable NOPE is not set");
  CHECK(strictly("$?") == "error the variable ? is not set");
}

TEST_CASE("expand: quoted parts of a word stay") {
  auto word = [](const script::Word& w) { return expand(w, lookup).value(); };
  CHECK(word({{"mid", true}, {"$A", false}, {"end", true}}) == "midxend");
  CHECK(word({{"q$A", true}}) == "q$A");
  CHECK(word({{"$NOPE", false}}).empty());
  CHECK(word({}).empty());
}

TEST_CASE("variables: the difference from the base, and back") {
  Variables here({{"PATH", "/bin"}, {"HOME", "/root"}});
  CHECK(here.set("X", "1").ok());
  CHECK(here.set("PATH", "/usr/bin").ok());
  here.unset("HOME");
  here.set_local("PWD", "/work/d");
  CHECK_FALSE(here.set("", "x").ok());
  CHECK_FALSE(here.set("a=b", "x").ok());
  CHECK_FALSE(here.set("a", std::string("\0", 1)).ok());
  Variables::Difference difference = here.difference();
  CHECK(difference.size() == 3);
  CHECK_FALSE(difference.at("HOME").has_value());
  Variables there({{"HOME", "/home/u"}, {"PATH", "/opt/bin"}, {"LANG", "C"}});
  there.apply(difference);
  CHECK(there.list() == std::vector<std::string>{"LANG=C", "PATH=/usr/bin", "X=1"});
  CHECK(there.difference() ==
        Variables::Difference{{"HOME", std::nullopt}, {"PATH", "/usr/bin"}, {"X", "1"}});
}

TEST_CASE("variables: a path is replaced as a whole only") {
  CHECK(replace_path("/work/a:/work:/workspace:/x/work", "/work", "$WORK") ==
        "$WORK/a:$WORK:/workspace:/x/work");
  CHECK(replace_path("-I/work/x", "/work", "W") == "-I/work/x");
  CHECK(replace_path("a=/work", "/work", "W") == "a=W");
  CHECK(replace_path("", "/work", "W").empty());
}
