// The txtar archive, phases, and the whole of a script.
#include "script/script.h"

#include <doctest/doctest.h>

#include "script/txtar.h"

using namespace testctr;
using namespace testctr::script;

namespace {

std::string message_of(std::string_view source) {
  auto script = parse("t.txt", source);
  return script.ok() ? "no error" : script.error().message();
}

}  // namespace

TEST_CASE("txtar: which lines are markers") {
  CHECK(marker_name("-- a --") == "a");
  CHECK(marker_name("-- a --\r") == "a");
  CHECK(marker_name("--    a b   --") == "a b");
  CHECK(marker_name("-- -- --") == "--");
  CHECK(marker_name("-- --") == "");
  CHECK(marker_name("--  --") == "");
  CHECK(marker_name("--   --") == "");
  CHECK_FALSE(marker_name("-- a -- "));
  CHECK_FALSE(marker_name(" -- a --"));
  CHECK_FALSE(marker_name("--a--"));
  CHECK_FALSE(marker_name("-- a--"));
  CHECK_FALSE(marker_name("--a --"));
  CHECK_FALSE(marker_name("-- a"));
  CHECK_FALSE(marker_name("--"));
  CHECK_FALSE(marker_name(""));
}

TEST_CASE("txtar: bytes and positions are kept") {
  const char bytes[] =
      "exec x\n\n-- a --\none\n\n  two\r\n\n-- b c --\r\n\xff"
      "\0--\nlast";
  const std::string source(bytes, sizeof bytes - 1);
  auto script = parse("t.txt", source);
  REQUIRE(script.ok());
  const Script& s = script.value();
  CHECK(s.source == source);
  REQUIRE(s.commands.size() == 1);
  REQUIRE(s.files.size() == 2);
  CHECK(s.files[0].name == "a");
  CHECK(s.files[0].line == 3);
  CHECK(s.files[0].data == "one\n\n  two\r\n\n");
  CHECK(source.substr(s.files[0].offset, 4) == "one\n");
  CHECK(s.files[1].name == "b c");
  CHECK(s.files[1].line == 8);
  CHECK(s.files[1].data == std::string("\xff"
                                       "\0--\nlast\n",
                                       10));
}

TEST_CASE("txtar: ends of every kind") {
  auto files = [](std::string_view source) {
    auto script = parse("t", source);
    REQUIRE(script.ok());
    return script.value().files;
  };
  CHECK(files("").empty());
  CHECK(files("stop").empty());
  CHECK(files("-- a --").size() == 1);
  CHECK(files("-- a --")[0].data.empty());
  CHECK(files("-- a --\n")[0].data.empty());
  CHECK(files("-- a --\n\n")[0].data == "\n");
  CHECK(files("-- a --\n-- b --\n").size() == 2);
  CHECK(files("-- a --\nx\n-- b -- \n")[0].data == "x\n-- b -- \n");
}

TEST_CASE("txtar: a marker without a name is text in the dialects of Go's tools") {
  for (const Language language : {Language::rsc, Language::testscript, Language::cmdgo}) {
    auto script = parse("t", "stop\n-- a --\nx\n--  --\ny\n", language);
    REQUIRE(script.ok());
    REQUIRE(script.value().files.size() == 1);
    CHECK(script.value().files[0].data == "x\n--  --\ny\n");
    auto shortest = parse("t", "stop\n-- --\n", language);
    REQUIRE_FALSE(shortest.ok());
    CHECK(shortest.error().message() == "t:2:1: a file marker without a name");
  }
  CHECK(message_of("stop\n--  --\n") == "t.txt:2:1: a file marker without a name");
}

TEST_CASE("txtar: names that are refused") {
  CHECK(message_of("stop\n-- --\n") == "t.txt:2:1: a file marker without a name");
  CHECK(message_of("-- a --\n-- b --\n-- a --\n") == "t.txt:3:4: the file \"a\" is in line 1 already");
  CHECK(message_of("-- /etc/passwd --\n") == "t.txt:1:4: the file \"/etc/passwd\" has an absolute name");
  CHECK(message_of("-- ../x --\n") == "t.txt:1:4: the file \"../x\" would lie outside $WORK");
  CHECK(message_of("-- a/../../x --\n") == "t.txt:1:4: the file \"a/../../x\" would lie outside $WORK");
  CHECK(message_of("-- a/../b --\n") == "no error");
  CHECK(message_of("-- a..b --\n") == "no error");
}

TEST_CASE("script: phases begin at lines whose first byte is #") {
  auto script = parse("t.txt", "exec a\n# one\nexec b\n # not one\n\n#two \r\n#\nexec c\n");
  REQUIRE(script.ok());
  const auto& phases = script.value().phases;
  REQUIRE(phases.size() == 3);
  CHECK(phases[0].title == "one");
  CHECK(phases[0].line == 2);
  CHECK(phases[0].first == 1);
  CHECK(phases[1].title == "two");
  CHECK(phases[1].first == 2);
  CHECK(phases[2].title.empty());
  CHECK(phases[2].first == 2);
  REQUIRE(script.value().commands.size() == 3);
  CHECK(script.value().commands[2].line == 8);
}

TEST_CASE("script: whole lines, byte order mark, CRLF") {
  auto script = parse("t.txt",
                      "\xEF\xBB\xBF"
                      "exec a\r\n! exec b\r\n-- f --\r\nx\r\n");
  REQUIRE(script.ok());
  REQUIRE(script.value().commands.size() == 2);
  CHECK(script.value().commands[0].name == "exec");
  CHECK(script.value().commands[1].text == "! exec b");
  CHECK(script.value().files[0].data == "x\r\n");
}

TEST_CASE("script: sections stand between commands") {
  auto script = parse("t.txt",
                      "[host]\nexec a\n\n# phase\n[container x as y]\n[container]\nexec b\nexec "
                      "c\n[host]\n-- f --\n[host]\n");
  REQUIRE(script.ok());
  const auto& sections = script.value().sections;
  REQUIRE(sections.size() == 4);
  CHECK(sections[0].first == 0);
  CHECK(sections[0].host);
  CHECK(sections[1].first == 1);
  CHECK(sections[1].place() == "y");
  CHECK(sections[2].first == 1);
  CHECK(sections[2].line == 6);
  CHECK(sections[3].first == 3);
  CHECK(script.value().commands.size() == 3);
  CHECK(script.value().files[0].data == "[host]\n");
  CHECK(message_of("stop\n\n[container a b]\n") == "t.txt:3:14: not a section");
}

TEST_CASE("script: the words of testctr as far as they are known before") {
  auto script = parse("t.txt", "testctr start golang:latest 'a b' -p $PORT --enter\nexec testctr x\n");
  REQUIRE(script.ok());
  using Words = std::vector<std::optional<std::string>>;
  CHECK(testctr_words(script.value().commands[0]) ==
        Words{"start", "golang:latest", "a b", "-p", std::nullopt, "--enter"});
  CHECK(testctr_words(script.value().commands[1]).empty());
}
