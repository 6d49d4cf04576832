// Scrut's Markdown: what is a test, what belongs to it, and where it stands.
#include <doctest/doctest.h>

#include <chrono>

#include "script/document.h"
#include "script/fence.h"
#include "script_document_support.h"

using namespace testctr;
using namespace testctr::script;

namespace {

Document read(std::string_view source, Compat compat = Compat::none) {
  auto document = read_markdown("d.md", source, {compat, 2});
  INFO(error_of(document));
  REQUIRE(document.ok());
  CHECK(false_place(document.value()) == "");
  CHECK(document.value().source == source);
  return std::move(document).value();
}

std::string error(std::string_view source, Compat compat = Compat::none) {
  return error_of(read_markdown("d.md", source, {compat, 2}));
}

size_t cases(std::string_view source) {
  size_t found = read(source).cases.size();
  CHECK(has_test_fence(source) == (found != 0));
  return found;
}

}  // namespace

TEST_CASE("markdown: a whole test") {
  Document d = read(
      "# A heading\n"
      "\n"
      "```scrut {timeout: 3m 3s}\n"
      "# a comment\n"
      "% fail_fast: true\n"
      "# another\n"
      "% environment:\n"
      "%   A: one\n"
      "$ echo one &&\n"
      "> echo two\n"
      ">\n"
      "one\n"
      "\n"
      "# two (glob)\n"
      "[3]\n"
      "$ three\n"
      "> four\n"
      "```\n");
  REQUIRE(d.cases.size() == 1);
  const Case& test = d.cases[0];
  CHECK(test.line == 9);
  CHECK(test.title == "A heading");
  CHECK(test.expression == "echo one &&\necho two\n");
  CHECK(texts(test) == Texts{"one", "", "# two (glob)", "$ three", "> four"});
  CHECK(test.expectations[2].rule == Rule::glob);
  CHECK(test.expectations[2].pattern == "# two");
  CHECK(test.expectations[4].line == 17);
  REQUIRE(test.code);
  CHECK(test.code->value == 3);
  CHECK(test.code->line == 15);
  CHECK(test.config.timeout_ns == 183'000'000'000);
  CHECK(test.config.fail_fast == true);
  CHECK(test.config.environment.at("A") == "one");
  CHECK(test.indent.empty());
  CHECK(d.source.substr(test.block.begin, 8) == "```scrut");
  CHECK(test.block.end == d.source.size());
  CHECK(d.source.substr(test.command.begin, test.command.size()) == "$ echo one &&\n> echo two\n>\n");
  CHECK(d.source.substr(test.body.begin, test.body.size()) == "one\n\n# two (glob)\n[3]\n$ three\n> four\n");
  CHECK(d.remarks.empty());
  CHECK(d.dialect == Dialect::markdown);
  CHECK(d.name == "d.md");
}

TEST_CASE("markdown: fences as CommonMark has them") {
  const std::string body = "$ x\n";
  for (const char* open : {"```scrut", "```testctr", "``` scrut", "```scrut ", "```\tscrut\t", "  ```scrut",
                           "   ```scrut", "````scrut", "```scrut{timeout: 1s}", "``` scrut {timeout: 1s} "}) {
    CAPTURE(open);
    CHECK(cases(open + ("\n" + body) + "`````  \n") == 1);
  }
  CHECK(cases("~~~scrut\n$ x\n~~~\n") == 1);
  CHECK(cases("~~~~ scrut {environment: {A: '`b`'}}\n$ x\n   ~~~~~\t\n") == 1);
  for (const char* open :
       {"``scrut", "    ```scrut", "\t```scrut", "```scruts", "```", "```sh", "text ```scrut", "```sh scrut",
        "```{.scrut}", "```scrut``` is code", "``` scrut ``` too"}) {
    CAPTURE(open);
    CHECK(cases(open + ("\n" + body) + "```\n") == 0);
  }
}

TEST_CASE("markdown: what closes a block") {
  CHECK(texts(read("````scrut\n$ x\n```\n~~~~\n````a\n    ````\n ````\n").cases.at(0)) ==
        Texts{"```", "~~~~", "````a", "    ````"});
  CHECK(texts(read("~~~scrut\n$ x\n```\n~~\n~~~\n").cases.at(0)) == Texts{"```", "~~"});
  // Two backticks and code at the start of a line open nothing.
  CHECK(cases("``foo`` bar\n```scrut\n$ x\n```\n") == 1);
  CHECK(cases("```foo``` bar\n```scrut\n$ x\n```\n") == 1);
}

TEST_CASE("markdown: examples in longer fences are no tests") {
  Document d = read("````\n```scrut\n$ x\n```\n````\n\n~~~md\n```scrut\n$ y\n```\n~~~\n");
  CHECK(d.cases.empty());
  CHECK(d.remarks.empty());
  CHECK_FALSE(has_test_fence(d.source));
}

TEST_CASE("markdown: tests that Markdown does not see are told") {
  Document d = read("```sh\nx\n```scrut\n$ x\n```\n\n- ```scrut\n> ```testctr\n    ```scrut\n");
  CHECK(d.cases.empty());
  REQUIRE(d.remarks.size() == 4);
  CHECK(d.remarks[0] == Remark{3, "no test: it stands in the block that begins in line 1"});
  CHECK(d.remarks[1] == Remark{7, "no test: only blanks, and at most three, may stand before its fence"});
  CHECK(d.remarks[2].line == 8);
  CHECK(d.remarks[3].line == 9);
  // A block that is never closed ends with the document, unless a test is lost so.
  CHECK(cases("```scrut\n$ x\n```\n```sh\nx\n") == 1);
  const char* lost = "text\n```sh\nx\n```scrut\n$ x\n";
  CHECK(
      error(lost) ==
      "d.md:2: the code block, which hides a test in line 4, is never closed: write ``` on a line of its own "
      "behind it");
  CHECK(has_test_fence(lost));
  const char* quoted = "```scrut {environment: {A: '`x`'}}\n$ x\n```\n";
  CHECK(error(quoted).starts_with("d.md:1: Markdown allows no backtick on this line"));
  CHECK(has_test_fence(quoted));
}

TEST_CASE("markdown: other letter cases and further words are remarks") {
  Document d = read("```Scrut\n$ x\n```\n```TESTCTR a title {timeout: 1s}\n$ y\n```\n");
  REQUIRE(d.cases.size() == 2);
  CHECK(d.cases[1].config.timeout_ns == 1'000'000'000);
  REQUIRE(d.remarks.size() == 3);
  CHECK(d.remarks[0] == Remark{1, "\"Scrut\" is taken for a test: write it in small letters"});
  CHECK(d.remarks[1].line == 4);
  CHECK(d.remarks[2] == Remark{4, "\"a title\" behind the language means nothing"});
}

TEST_CASE("markdown: indented fences") {
  Document d = read("  ```scrut\n  # c\n  % fail_fast: true\n  $ x\n  > y\n    a\n b\n\n  [1]\n  ```\n");
  const Case& test = d.cases.at(0);
  CHECK(test.expression == "x\ny");
  CHECK(texts(test) == Texts{"  a", "b", ""});
  CHECK(test.code->value == 1);
  CHECK(test.indent == "  ");
  CHECK(test.config.fail_fast == true);
}

TEST_CASE("markdown: titles") {
  auto title = [](const std::string& before) {
    return read(before + "```scrut\n$ x\n```\n").cases.back().title;
  };
  CHECK(title("") == "");
  CHECK(title("## Two words \n") == "Two words");
  CHECK(title("far\n\n  near  \nand on\n\n") == "near\nand on");
  CHECK(title("# H\ntext\n") == "H\ntext");
  CHECK(title("title\n\n1. no\n* no\n> no\n#no\n#\n`no`\n") == "title");
  CHECK(title("\xc3\x9c"
              "ber\n") ==
        "\xc3\x9c"
        "ber");
  CHECK(title("a\n\n\xe2\x80\x94 no letter\n\xff no\n") == "a");
  CHECK(title("a\n```sh\nno\n```\n") == "a");
  CHECK(title("a\n```scrut\n$ y\n```\n") == "");
  CHECK(title("a\n```scrut\n$ y\n```\nb\n") == "b");
  CHECK(title("---\nshell: sh\n---\n") == "");
}

TEST_CASE("markdown: front matter") {
  Document d = read(
      "\n  \n---\n"
      "shell: /bin/dash\n"
      "total_timeout: 5m\n"
      "defaults: {timeout: 2s}\n"
      "append:\n- a.md\n- b.md\nprepend: [c.md]\n"
      "---\n"
      "---\n"
      "```scrut\n$ x\n```\n");
  CHECK(d.config.shell == "/bin/dash");
  CHECK(d.config.total_timeout_ns == 300'000'000'000);
  CHECK(d.config.defaults.timeout_ns == 2'000'000'000);
  CHECK(d.config.append == std::vector<Inclusion>{{"a.md", 8}, {"b.md", 9}});
  CHECK(d.config.prepend == std::vector<Inclusion>{{"c.md", 10}});
  CHECK(d.cases.size() == 1);
  CHECK(d.cases[0].config == CaseConfig{});
  CHECK(read("---\n---\n").config == DocumentConfig{});
  CHECK(read("text\n---\nshel: x\n---\n").config == DocumentConfig{});
  CHECK(error("---\nshel: x\n---\n") == "d.md:2:1: unknown key \"shel\"; did you mean shell?");
  // Fences within are no tests; of front matter that never ends they are, lest they be lost.
  CHECK_FALSE(has_test_fence("---\n```scrut\n---\n"));
  const char* open = "\n---\nshell: sh\n\n```scrut\n$ x\n```\n";
  CHECK(has_test_fence(open));
  CHECK(error(open) == "d.md:2: the front matter is never closed: write --- on a line of its own behind it");
}

TEST_CASE("markdown: the nearer configuration wins") {
  Document d = read(
      "```scrut {timeout: 1s, environment: {A: f, B: f}}\n% timeout: 2s\n% environment: {A: p}\n$ x\n```\n");
  const CaseConfig& config = d.cases.at(0).config;
  CHECK(config.timeout_ns == 2'000'000'000);
  CHECK(config.environment == std::map<std::string, std::string>{{"A", "p"}, {"B", "f"}});
}

TEST_CASE("markdown: every mistake is told with its line") {
  CHECK(error("a\n```scrut\n```\n") == "d.md:2: the test block is empty: write its command behind \"$ \"");
  CHECK(error("```scrut\n\n# c\n% fail_fast: true\n```\n").find("d.md:1: the test block has no command") ==
        0);
  CHECK(error("```scrut\n \n\n```\n").find("d.md:1: the test block is empty") == 0);
  CHECK(error("```scrut\nfoo\n$foo\n```\n") ==
        "d.md:1: the test block has no command: write it behind \"$ \"");
  CHECK(error("```scrut\n$ x\n") ==
        "d.md:1: the test block is never closed: write ``` on a line of its own behind it");
  CHECK(error("~~~~scrut\n$ x\n~~~\n").find("write ~~~~ on a line") != std::string::npos);
  CHECK(error("```scrut\n\n$ x\n```\n").find("d.md:2: before the command there are only") == 0);
  CHECK(error("```scrut\n[1]\n$ x\n```\n").find("d.md:2: before the command") == 0);
  CHECK(error("  ```scrut\n  %fail_fast: true\n  $ x\n  ```\n") ==
        "d.md:2:3: write a blank between the % and the configuration");
  CHECK(error("```scrut {timeout: 1s\n$ x\n```\n") ==
        "d.md:1:10: the configuration is not closed by a } at the end of the line");
  CHECK(error("```scrut\n$ x\n[1]\n[2]\n```\n").find("d.md:4: a second exit code, the first is in line 3") ==
        0);
  CHECK(error("```scrut\n$ x\n[256]\n```\n").find("d.md:3: an exit code is at most 255") == 0);
  CHECK(error("```scrut\n$ x\n[99999999999999999999]\n```\n").find("d.md:3: an exit code is at most 255") ==
        0);
  CHECK(error("```scrut\n$ x\n(a (regex)\n```\n").find("d.md:3: ") == 0);
  CHECK(error("```scrut {tiemout: 1s}\n$ x\n```\n") ==
        "d.md:1:11: unknown key \"tiemout\"; did you mean timeout?");
  CHECK(error("```scrut\n# c\n% fail_fast: 1\n# c\n% timeout: 5\n$ x\n```\n") ==
        "d.md:3:14: fail_fast is true or false, not \"1\"\n"
        "d.md:5:12: timeout: \"5\" is no time: the unit is missing, write 5s for seconds");
  CHECK(error("```scrut\n```\n```scrut\nx\n```\n---\n```scrut\n$ x\n").find('\n') != std::string::npos);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "```scrut\n```\n";
  std::string told = error(many);
  CHECK(std::count(told.begin(), told.end(), '\n') == 100);
  CHECK(told.ends_with("\nd.md: 100 more mistakes"));
}

TEST_CASE("markdown: what is an exit code") {
  CHECK(read("```scrut\n$ x\n[0]\n```\n").cases[0].code->value == 0);
  CHECK(read("```scrut\n$ x\n[007]\na\n```\n").cases[0].code->value == 7);
  for (const char* line : {"[1] ", " [1]", "[]", "[-1]", "[+1]", "[1", "[1] (equal)", "[a]", "x[1]"})
    CHECK_FALSE(read("```scrut\n$ x\n" + std::string(line) + "\n```\n").cases[0].code);
}

TEST_CASE("markdown: a schema is no list of expectations") {
  const char* schema = "```scrut {mode: jsonschema}\n$ x\npattern: \"( (regex)\"\n[2]\n```\n";
  Document d = read(schema);
  CHECK(d.cases[0].expectations[0].rule == Rule::equal);
  CHECK(d.cases[0].expectations[0].pattern == "pattern: \"( (regex)\"");
  CHECK(d.cases[0].code->value == 2);
  d = read("---\ndefaults: {mode: jsonschema}\n---\n```scrut\n$ x\n( (regex)\n```\n");
  CHECK(d.cases[0].expectations[0].rule == Rule::equal);
}

TEST_CASE("markdown: line ends and a byte order mark") {
  Document d =
      read("\xEF\xBB\xBF---\r\nshell: sh\r\n---\r\n# T\r\n```scrut\r\n$ x\r\n> y\r\na\rb\r\n[1]\r\n```\r");
  CHECK(d.config.shell == "sh");
  CHECK(d.cases[0].title == "T");
  CHECK(d.cases[0].expression == "x\ny");
  CHECK(texts(d.cases[0]) == Texts{"a\rb"});
  CHECK(d.cases[0].code->value == 1);
  CHECK(cases("\xEF\xBB\xBF```scrut\n$ x\n```") == 1);
}

TEST_CASE("markdown: hostile bytes keep their places") {
  const char bytes[] = "```scrut\n$ x\0y\n\0\xff\n\xf0\x9f\n\x1b[2J\n```\n";
  Document d = read(std::string_view(bytes, sizeof bytes - 1));
  CHECK(d.cases[0].expression == std::string("x\0y", 3));
  CHECK(d.cases[0].expectations[0].text == std::string("\0\xff", 2));
  const std::string megabyte(1 << 20, 'x');
  d = read(megabyte + "\n```scrut\n$ " + megabyte + "\n" + megabyte + "\n```\n");
  CHECK(d.cases[0].expectations[0].text == megabyte);
  (void)error(std::string(1 << 20, '`'));
  (void)error("```scrut {" + std::string(1 << 20, '[') + "}\n$ x\n```\n");
  CHECK(read("").cases.empty());
  CHECK(read("\n").cases.empty());
}

TEST_CASE("markdown: many cases take time in proportion") {
  auto seconds = [](int count) {
    std::string source;
    for (int i = 0; i < count; ++i) source += "# T\n```scrut\n$ x\na\n[1]\n```\n```\n```\n";
    auto start = std::chrono::steady_clock::now();
    auto document = read_markdown("d.md", source);
    REQUIRE(document.ok());
    CHECK(document.value().cases.size() == static_cast<size_t>(count));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  (void)seconds(1000);
  CHECK(seconds(100'000) < 40 * seconds(10'000) + 0.5);
}
