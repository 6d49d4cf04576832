// Updating a document in place: what changes, what stays, and that it then holds.
#include "script/edit.h"

#include <doctest/doctest.h>

#include <random>

#include "script_document_support.h"

using namespace testctr;
using namespace testctr::script;

namespace {

struct Update {
  Dialect dialect = Dialect::markdown;
  Compat compat = Compat::none;
  size_t indent = 2;
  const Variables* variables = nullptr;

  Document read(std::string_view source) const {
    auto document = read_document(dialect, "d", source, {compat, indent});
    INFO(source);
    INFO(error_of(document));
    REQUIRE(document.ok());
    CHECK(false_place(document.value()) == "");
    return std::move(document).value();
  }

  Result<std::vector<Edit>> edits(const Document& document, const std::vector<Observed>& observed) const {
    std::vector<Edit> all;
    REQUIRE(document.cases.size() == observed.size());
    for (size_t i = 0; i < observed.size(); ++i) {
      std::vector<Edit> some =
          TRY(edits_for(document, document.cases[i], observed[i], {dialect, compat, variables}));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  /// The updated source, which is seen to hold and to need no second update.
  std::string operator()(std::string_view source, const std::vector<Observed>& observed) const {
    Document document = read(source);
    auto first = edits(document, observed);
    INFO(source);
    INFO((first.ok() ? "" : first.error().message()));
    REQUIRE(first.ok());
    auto written = with_edits(source, first.value());
    REQUIRE(written.ok());
    INFO(written.value());
    Document again = read(written.value());
    REQUIRE(again.cases.size() == document.cases.size());
    for (size_t i = 0; i < again.cases.size(); ++i) {
      CHECK(again.cases[i].expression == document.cases[i].expression);
      CHECK(again.cases[i].config == document.cases[i].config);
      auto comparison =
          compare(again.cases[i].expectations, observed[i].output, {dialect, compat, variables});
      REQUIRE(comparison.ok());
      CHECK(comparison.value().equal);
      CHECK((again.cases[i].code ? again.cases[i].code->value : 0) == observed[i].code);
    }
    auto second = edits(again, observed);
    REQUIRE(second.ok());
    CHECK(second.value().empty());
    return written.value();
  }
};

const Update markdown;
const Update cram{Dialect::cram};

std::string block(std::string_view body) {
  return "# T\n\n```scrut {timeout: 1s}\n# c\n$ x\n" + std::string(body) + "```\nend";
}

}  // namespace

TEST_CASE("edits: put into a source") {
  auto with = [](std::string_view source, std::vector<Edit> edits) {
    auto written = with_edits(source, std::move(edits));
    return written.ok() ? written.value() : "error";
  };
  CHECK(with("abc", {}) == "abc");
  CHECK(with("abc", {{{1, 2}, "xyz"}}) == "axyzc");
  CHECK(with("abc", {{{3, 3}, "d"}, {{0, 0}, "_"}}) == "_abcd");
  CHECK(with("abc", {{{1, 2}, ""}, {{1, 1}, "1"}, {{1, 1}, "2"}, {{2, 2}, "3"}}) == "a123c");
  CHECK(with("abc", {{{0, 2}, ""}, {{1, 3}, ""}}) == "error");
  CHECK(with("abc", {{{0, 4}, ""}}) == "error");
  CHECK(with("abc", {{{2, 1}, ""}}) == "error");
}

TEST_CASE("edits: what holds is not touched") {
  for (const char* body :
       {"", "a\n", "a* (glob)\nb (?)\nc (*)\n[3]\n", "[3]\na\n", "a (equal)\n\\x61 (escaped)\n"}) {
    Document document = markdown.read(block(body));
    const Case& test = document.cases[0];
    std::string output;
    for (const Expectation& expectation : test.expectations) output += expectation.optional ? "" : "a\n";
    auto edits = edits_for(document, test, {output, test.code ? test.code->value : 0}, {});
    REQUIRE(edits.ok());
    CHECK(edits.value().empty());
  }
}

TEST_CASE("edits: lines that no longer hold are replaced, others stay") {
  CHECK(markdown(block("a\n"), {{"b\n", 0}}) == block("b\n"));
  CHECK(markdown(block(""), {{"a\nb\n", 0}}) == block("a\nb\n"));
  CHECK(markdown(block("a\nb\n"), {{"", 0}}) == block(""));
  CHECK(markdown(block("1* (glob)\nold\n.*2 (regex)\n"), {{"11\nnew\nx2\n", 0}}) ==
        block("1* (glob)\nnew\n.*2 (regex)\n"));
  CHECK(markdown(block("maybe (?)\na\nb* (glob*)\n"), {{"c\nb1\n", 0}}) ==
        block("maybe (?)\nc\nb* (glob*)\n"));
  CHECK(markdown(block("a\n\nb\n"), {{"a\n\n\nb\nc", 0}}).find("c (no-eol)\n```") != std::string::npos);
  CHECK(markdown(block("a\n"), {{"\x1b[1m\t\n", 0}}).find("(escaped)\n```") != std::string::npos);
}

TEST_CASE("edits: the exit code stays where it is") {
  CHECK(markdown(block("a\n[1]\nb\n"), {{"a\nb\n", 2}}) == block("a\n[2]\nb\n"));
  CHECK(markdown(block("a\n[1]\nb\n"), {{"a\nb\n", 0}}) == block("a\nb\n"));
  CHECK(markdown(block("a\n"), {{"b\n", 3}}) == block("b\n[3]\n"));
  CHECK(markdown(block("[1]\n"), {{"a\n", 2}}) == block("a\n[2]\n"));
  CHECK(markdown(block("a\n[1]\n"), {{"b\nc\n", 2}}) == block("b\nc\n[2]\n"));
  CHECK(cram("  $ x\n  a\n  [1]\n", {{"a\n", 2}}) == "  $ x\n  a\n  [2]\n");
  CHECK(cram("  $ x\n\ntext\n", {{"", 2}}) == "  $ x\n  [2]\n\ntext\n");
  CHECK(cram("  $ x\n  [1]\n", {{"", 0}}) == "  $ x\n");
}

TEST_CASE("edits: what looks like something else is written so that it is read right") {
  for (const Update& update : {markdown, cram}) {
    std::string source = update.dialect == Dialect::cram ? "t\n  $ x\n  a\n\n" : block("a\n");
    for (const char* output :
         {"> y\n",    ">\n",      ">\n> y\n",   "$ y\n",        "```\n",      "~~~\n",         "[1]\n",
          "[1]\na\n", "[0]\n",    "a (glob)\n", "x ()\n",       "  \n",       "\n\n",          " a\n",
          "a \n",     "\t\n",     "%\n# x\n",   "a\r\n",        "\\\n",       "\\x41 (esc)\n", "\xff\n",
          "\n> y\n",  "(no-eol)", "a (no-eol)", "a (no-eol)\n", "\xc3\xa4\n", "a (?)\n"}) {
      CAPTURE(output);
      (void)update(source, {{output, 0}});
      (void)update(source, {{output, 1}});
    }
  }
  (void)Update{Dialect::cram, Compat::none, 0}("$ x\na\n", {{"> y\n$ z\n\n[1]\n", 1}});
  (void)Update{Dialect::cram, Compat::scrut, 2}("  $ x\n  a\n", {{"> y\n$ z\n\n[1]\n", 1}});
}

TEST_CASE("edits: lines that stay but would then mean something else") {
  // The first line behind the command would continue it.
  CHECK(markdown(block("a\n> y\n"), {{"> y\n", 0}}).find("\\x3e y (escaped)") != std::string::npos);
  CHECK(cram("  $ x\n  a\n  > y\n", {{"> y\n", 0}}).find("\\x3e y (esc)") != std::string::npos);
  // The last line would be an exit code.
  CHECK(cram("  $ x\n  [2]\n  a\n", {{"[2]\n", 0}}) == "  $ x\n  \\x5b2] (esc)\n");
  CHECK(cram("  $ x\n  [2]\n  [1]\n", {{"[2]\n", 0}}) == "  $ x\n  \\x5b2] (esc)\n");
}

TEST_CASE("edits: line ends and indentation are kept") {
  CHECK(markdown("  ```scrut\r\n  $ x\r\n  a\r\n b\r\n  ```\r\n", {{"b\nc\n", 1}}) ==
        "  ```scrut\r\n  $ x\r\n b\r\n  c\r\n  [1]\r\n  ```\r\n");
  CHECK(cram("  $ x\r\n  a\r\n\r\n", {{"b\n", 1}}) == "  $ x\r\n  b\r\n  [1]\r\n\r\n");
  CHECK(Update{Dialect::cram, Compat::none, 4}("    $ x\n    a\n", {{"b\n", 0}}) == "    $ x\n    b\n");
  // A document without a last line end gets none.
  CHECK(cram("  $ x", {{"a\nb\n", 0}}) == "  $ x\n  a\n  b");
  CHECK(cram("  $ x\n  a", {{"b\n", 0}}) == "  $ x\n  b");
  CHECK(cram("  $ x\n  a", {{"a\n", 1}}) == "  $ x\n  a\n  [1]");
  CHECK(cram("  $ x\r\n  a", {{"a\nb\n", 1}}) == "  $ x\r\n  a\r\n  b\r\n  [1]");
  CHECK(cram("  $ x\n  a\n  [1]", {{"b\n", 2}}) == "  $ x\n  b\n  [2]");
  CHECK(cram("t\r\n  $ x\r", {{"a\n", 0}}) == "t\r\n  $ x\r\n  a");
  CHECK(cram("  $ x\r", {{"a\n", 0}}) == "  $ x\r\n  a");
  CHECK(cram("  $ x\n  a\r", {{"a\n", 3}}) == "  $ x\n  a\r\n  [3]");
  CHECK(cram("\xEF\xBB\xBF  $ x\n  a", {{"b\n", 0}}) == "\xEF\xBB\xBF  $ x\n  b");
}

TEST_CASE("edits: text between the lines of a Cram case stays") {
  CHECK(cram("  $ x\n  a\n\ntext\n  b\nend\n", {{"a\nc\n", 0}}) == "  $ x\n  a\n\ntext\n  c\nend\n");
  CHECK(cram("  $ x\n  a\n\ntext\n  b\nend\n", {{"b\n", 0}}) == "  $ x\n\ntext\n  b\nend\n");
  // Cram itself would never find the second line equal.
  CHECK(Update{Dialect::cram, Compat::cram, 2}("  $ x\n  a\n\ntext\n  b\n", {{"a\nc\n", 0}}) ==
        "  $ x\n  a\n  c\n\ntext\n");
  CHECK(Update{Dialect::cram, Compat::cram, 2}("  $ x\n  a\n\ntext\n  [1]\n", {{"a\n", 2}}) ==
        "  $ x\n  a\n  [2]\n\ntext\n");
}

TEST_CASE("edits: Cram ends a line at a carriage return too") {
  CHECK(Update{Dialect::cram, Compat::cram, 2}("  $ x\n  a\n", {{"b\rc\n", 0}}) ==
        "  $ x\n  b\\r (no-eol) (esc)\n  c\n");
}

TEST_CASE("edits: many cases in one document") {
  std::string source, wanted;
  std::vector<Observed> observed;
  for (int i = 0; i < 50; ++i) {
    std::string n = std::to_string(i);
    source += "text " + n + "\n  $ " + n + "\n  old\n  " + n + "\n\n";
    wanted += "text " + n + "\n  $ " + n + "\n  " + n + "\n  new\n  [1]\n\n";
    observed.push_back({n + "\nnew\n", 1});
  }
  CHECK(cram(source, observed) == wanted);
}

TEST_CASE("edits: touching changes are one") {
  Document document = markdown.read(block("a\nb\nc\nd\n[1]\n"));
  auto edits = edits_for(document, document.cases[0], {"a\nx\ny\nd\nz\n", 0}, {});
  REQUIRE(edits.ok());
  REQUIRE(edits.value().size() == 2);
  CHECK(edits.value()[0].text == "x\ny\n");
  CHECK(edits.value()[1].text == "z\n");
}

TEST_CASE("edits: what is no variable does not become one") {
  const Variables variables = {{"V", "value"}, {"H", "/h"}};
  Update interpolated;
  interpolated.variables = &variables;
  CHECK(
      interpolated(block("${V}\n$H/? (glob)\ngone\n"), {{"value\n/h/x\n$V ${V} $$ $5 5$ $\n$$V\tx\n", 0}}) ==
      block("${V}\n$H/? (glob)\n$$V $${V} $$$ $5 5$ $\n$$$$V\\tx (escaped)\n"));
  CHECK(markdown(block(""), {{"$V\n", 0}}) == block("$V\n"));
}

TEST_CASE("edits: a JSON schema is not changed") {
  Document document = markdown.read("```scrut {mode: jsonschema}\n$ x\ntype: object\n[1]\n```\n");
  auto code = edits_for(document, document.cases[0], {"{}\n", 2}, {});
  REQUIRE(code.ok());
  CHECK(code.value() == std::vector<Edit>{{document.cases[0].code->span, "[2]"}});
  auto refused = edits_for(document, document.cases[0], {"[]\n", 1}, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message().find("d:2: the output does not fit the JSON schema") == 0);
}

TEST_CASE("edits: any expectations, any output") {
  std::mt19937 random(7);
  auto pick = [&](const std::vector<const char*>& from) { return std::string(from[random() % from.size()]); };
  const std::vector<const char*> lines = {"a",         "b", "* (glob)", "a (?)", "b (+)",       "* (glob*)",
                                          "[ab] (re)", "",  "> a",      "$ b",   "[1] (equal)", "a (no-eol)"};
  const std::vector<const char*> cram_lines = {"a", "b",   "* (glob)", "a (?)",      "[ab] (re)",
                                               "",  "> a", "[1]",      "a (no-eol)", ">"};
  const std::vector<const char*> outputs = {"a",   "b",   "c",          "",  "> a", "$ b",
                                            "[1]", "```", "a (no-eol)", ">", "\r"};
  for (int round = 0; round < 1500; ++round) {
    bool in_cram = random() % 2 == 0;
    std::string body, output;
    for (size_t i = random() % 5; i > 0; --i)
      body += (in_cram ? "  " : "") + pick(in_cram ? cram_lines : lines) + "\n";
    if (in_cram && random() % 4 == 0) body += "\n  b\n";
    if (random() % 3 == 0) body += in_cram ? "  [3]\n" : "[3]\n";
    for (size_t i = random() % 5; i > 0; --i) output += pick(outputs) + "\n";
    if (!output.empty() && random() % 4 == 0) output.pop_back();
    Observed observed{output, static_cast<int>(random() % 3) * 2};
    if (in_cram) {
      (void)cram("  $ x\n  > z\n" + body, {observed});
    } else {
      (void)markdown(block(body), {observed});
    }
  }
}
