// Cram: indentation decides; text does not end a command's output.
#include <doctest/doctest.h>

#include <chrono>

#include "script/document.h"
#include "script_document_support.h"

using namespace testctr;
using namespace testctr::script;

namespace {

Document read(std::string_view source, Compat compat = Compat::none, size_t indent = 2) {
  auto document = read_cram("d.t", source, {compat, indent});
  INFO(error_of(document));
  REQUIRE(document.ok());
  CHECK(false_place(document.value()) == "");
  CHECK(document.value().source == source);
  return std::move(document).value();
}

std::string error(std::string_view source, Compat compat = Compat::none) {
  return error_of(read_cram("d.t", source, {compat, 2}));
}

}  // namespace

TEST_CASE("cram: a whole document") {
  Document d = read(
      "Some text:\n"
      "\n"
      "  $ cat <<EOF\n"
      "  > a\n"
      "  > EOF\n"
      "  a\n"
      "  \n"
      "  b* (glob)\n"
      "  [2]\n"
      "  $ two\n"
      "\n"
      "# a comment\n"
      "Other text \n"
      " more\n"
      "    $ no\n"
      "  $ three\n"
      "  three (no-eol)");
  REQUIRE(d.cases.size() == 3);
  CHECK(d.dialect == Dialect::cram);
  CHECK(d.cases[0].line == 3);
  CHECK(d.cases[0].title == "Some text:");
  CHECK(d.cases[0].expression == "cat <<EOF\na\nEOF");
  CHECK(texts(d.cases[0]) == Texts{"a", "", "b* (glob)"});
  CHECK(d.cases[0].expectations[2].rule == Rule::glob);
  CHECK(d.cases[0].code->value == 2);
  CHECK(d.cases[0].code->line == 9);
  CHECK(d.cases[0].indent == "  ");
  CHECK_FALSE(d.cases[0].scattered);
  CHECK(d.source.substr(d.cases[0].block.begin, d.cases[0].block.size()) ==
        "  $ cat <<EOF\n  > a\n  > EOF\n  a\n  \n  b* (glob)\n  [2]\n");
  CHECK(d.source.substr(d.cases[0].body.begin, d.cases[0].body.size()) == "  a\n  \n  b* (glob)\n  [2]\n");
  CHECK(d.cases[1].title == "Some text:");
  CHECK(texts(d.cases[1]) == Texts{"  $ no"});
  CHECK(d.cases[1].scattered);
  CHECK(d.cases[2].title == "more");
  CHECK(texts(d.cases[2]) == Texts{"three (no-eol)"});
  CHECK(d.cases[2].expectations[0].rule == Rule::no_eol);
  CHECK(d.cases[2].body.end == d.source.size());
}

TEST_CASE("cram: text does not end the output") {
  Document d = read("  $ x\n  a\n\ntext\n  b\n\n");
  CHECK(texts(d.cases.at(0)) == Texts{"a", "b"});
  CHECK(d.cases[0].scattered);
  CHECK(d.source.substr(d.cases[0].body.begin, d.cases[0].body.size()) == "  a\n\ntext\n  b\n");
  CHECK_FALSE(read("  $ x\n  a\n\ntext\n").cases.at(0).scattered);
  CHECK(read("  $ x\n\n  a\n").cases.at(0).scattered);
  // To Scrut it does, and nothing runs what follows.
  CHECK(error("  $ x\n  a\n\n  b\n", Compat::scrut).find("d.t:4: an indented line before") == 0);
  CHECK(error("  $ x\n  a\ntext\n  b\n", Compat::scrut).find("d.t:4: an indented line before") == 0);
  CHECK(texts(read("  $ x\n  a\n#\n  b\n", Compat::scrut).cases.at(0)) == Texts{"a", "b"});
}

TEST_CASE("cram: output of no command is a mistake") {
  CHECK(error("text\n  a\n  b\n  $ x\n  c\n") ==
        "d.t:2: an indented line before the first command is output of none: begin the command with \"  $ "
        "\", or "
        "the text without indentation\n"
        "d.t:3: an indented line before the first command is output of none: begin the command with \"  $ "
        "\", or "
        "the text without indentation");
  CHECK(error("  > a\n").find("d.t:1: ") == 0);
}

TEST_CASE("cram: what is an exit code") {
  CHECK(read("  $ x\n  [1]\n\ntext\n").cases[0].code->value == 1);
  CHECK(read("  $ x\n  [255]").cases[0].code->value == 255);
  // Elsewhere, or as Cram would not write it, it is a line of output.
  for (const char* line : {"[0]", "[01]", "[256]", "[1] ", " [1]", "[99999999999]"}) {
    CAPTURE(line);
    Document d = read("  $ x\n  " + std::string(line) + "\n");
    CHECK_FALSE(d.cases[0].code);
    CHECK(texts(d.cases[0]) == Texts{line});
  }
  Document d = read("  $ x\n  [1]\n  [2]\n");
  CHECK(texts(d.cases[0]) == Texts{"[1]"});
  CHECK(d.cases[0].code->value == 2);
  CHECK(texts(read("  $ x\n  [1]\n  a\n").cases[0]) == Texts{"[1]", "a"});
  d = read("  $ x\n  [1]\n  a\n", Compat::scrut);
  CHECK(d.cases[0].code->value == 1);
  CHECK(texts(d.cases[0]) == Texts{"a"});
  CHECK(read("  $ x\n  [0]\n", Compat::scrut).cases[0].code->value == 0);
  CHECK(error("  $ x\n  [1]\n  [2]\n", Compat::scrut).find("d.t:3: a second exit code") == 0);
}

TEST_CASE("cram: continuations") {
  CHECK(read("  $ x\n  > y\n  > \n  >  z\n").cases[0].expression == "x\ny\n\n z");
  // A lone ">" is output, unless the command goes on behind it.
  Document d = read("  $ x\n  >\n");
  CHECK(d.cases[0].expression == "x");
  CHECK(texts(d.cases[0]) == Texts{">"});
  d = read("  $ x\n  > y\n  >\n  >\n  > z\n  >\n  a\n");
  CHECK(d.cases[0].expression == "x\ny\n\n\nz");
  CHECK(texts(d.cases[0]) == Texts{">", "a"});
  CHECK(read("  $ x\n  >\n  > y\n", Compat::cram).cases[0].expression == "x\ny");
  CHECK(read("  $ x\n  >\n", Compat::scrut).cases[0].expression == "x\n");
  CHECK(texts(read("  $ x\n  a\n  > y\n").cases[0]) == Texts{"a", "> y"});
  CHECK(texts(read("  $ x\n  >y\n  $\n  $y\n").cases[0]) == Texts{">y", "$", "$y"});
}

TEST_CASE("cram: the width of the indentation") {
  Document d = read("  text\n    $ x\n    > y\n    a\n  b\n", Compat::none, 4);
  CHECK(d.cases.at(0).expression == "x\ny");
  CHECK(texts(d.cases[0]) == Texts{"a"});
  CHECK(d.cases[0].title == "text");
  CHECK(d.cases[0].indent == "    ");
  d = read("$ x\na\n\n# b\n", Compat::none, 0);
  CHECK(texts(d.cases.at(0)) == Texts{"a", "", "# b"});
  CHECK_FALSE(read_cram("d.t", "", {Compat::none, 1000}).ok());
}

TEST_CASE("cram: mistakes in expectations are told with their lines") {
  std::string told = error("  $ x\n  (a (re)\n  $ y\n  (b (re)\n");
  CHECK(told.find("d.t:2: ") == 0);
  CHECK(told.find("\nd.t:4: ") != std::string::npos);
}

TEST_CASE("cram: titles are cut") {
  CHECK(read(std::string(300, 'x') + "\n  $ x\n").cases[0].title == std::string(200, 'x') + "...");
  std::string umlauts = "x";
  for (int i = 0; i < 150; ++i) umlauts += "\xc3\xbc";
  std::string title = read(umlauts + "\n  $ x\n").cases[0].title;
  CHECK(text::is_utf8(title));
  CHECK(title.size() == 202);
}

TEST_CASE("cram: line ends and hostile bytes") {
  Document d = read("\xEF\xBB\xBF  $ x\r\n  > y\r\n  a\r\n  [1]\r\n");
  CHECK(d.cases[0].expression == "x\ny");
  CHECK(texts(d.cases[0]) == Texts{"a"});
  CHECK(d.cases[0].code->value == 1);
  const char bytes[] = "  $ x\0\xff\n  \0\n  \xff\xf0\n  \x1b\n";
  d = read(std::string_view(bytes, sizeof bytes - 1));
  CHECK(d.cases[0].expression == std::string("x\0\xff", 3));
  const std::string megabyte(1 << 20, 'x');
  d = read(megabyte + "\n  $ " + megabyte + "\n  " + megabyte);
  CHECK(d.cases[0].expectations[0].text == megabyte);
  CHECK(read("").cases.empty());
  CHECK(error("\n  ").find("d.t:2: ") == 0);
}

TEST_CASE("cram: many lines take time in proportion") {
  auto seconds = [](int count, const char* lines) {
    std::string source = "  $ x\n";
    for (int i = 0; i < count; ++i) source += lines;
    source += "  > end\n";
    auto start = std::chrono::steady_clock::now();
    auto document = read_cram("d.t", source);
    REQUIRE(document.ok());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (const char* lines : {"T\n  $ x\n  a\n  [1]\n", "  >\n", "  a\n\n", "  [1]\n"}) {
    CAPTURE(lines);
    (void)seconds(1000, lines);
    CHECK(seconds(100'000, lines) < 40 * seconds(10'000, lines) + 0.5);
  }
}

TEST_CASE("Cram: as Cram reads it, every continuation is the shell's, and so is a carriage return") {
  const std::string late = "  $ a\n  1\n  > b\n  2\n";
  const Document compat = read(late, Compat::cram);
  CHECK(compat.cases[0].expression == "a\nb");
  CHECK(compat.cases[0].scattered);
  CHECK(texts(compat.cases[0]) == std::vector<std::string>{"1", "2"});
  CHECK(read(late).cases[0].expression == "a");
  CHECK(read("  $ a\r\n  > b\r\n", Compat::cram).cases[0].expression == "a\r\nb\r");
  CHECK(read("  $ a\r\n  > b\r\n").cases[0].expression == "a\nb");
  // Text before the first command that looks like output makes Cram fail the test; what looks like commands
  // would run.
  CHECK(read("  x\n  $ a\n", Compat::cram).cases.size() == 1);
  CHECK(read("  x\n  $ a\n", Compat::cram).remarks.size() == 1);
  CHECK(error("  x\n  $ a\n") != "");
  CHECK(error("  > x\n  $ a\n", Compat::cram) != "");
  CHECK(read("\xEF\xBB\xBF  $ a\n  $ b\n", Compat::cram).cases.size() == 1);
}
