// Changes to a file in a script: those bytes alone, and then the script sees what was wanted.
#include "script/member_edit.h"

#include <doctest/doctest.h>

#include <random>

using namespace testctr;
using namespace testctr::script;

namespace {

Script read(const std::string& source) {
  auto script = parse("t.txt", source);
  INFO(source);
  REQUIRE(script.ok());
  return std::move(script).value();
}

/// The source with the change, or "error: " and why not.
std::string changed(const std::string& source, const NewMember& wanted) {
  auto edits = edits_for_member(read(source), wanted);
  if (!edits.ok()) return "error: " + edits.error().full();
  return with_edits(source, edits.value()).value();
}

/// What the script sees of a file, by its `unquote` lines.
std::string seen(const std::string& source, const std::string& name) {
  const Script script = read(source);
  for (const File& file : script.files) {
    if (file.name != name) continue;
    for (const Command& command : script.commands) {
      if (command.name != "unquote") continue;
      std::string word;
      for (const Fragment& fragment : command.arguments.at(0)) word += fragment.text;
      if (word == name || word == "$WORK/" + name) return unquoted_member(file.data).value();
    }
    return file.data;
  }
  return "no such file";
}

}  // namespace

TEST_CASE("member edit: the bytes of one file change, and nothing else") {
  CHECK(changed("cmp stdout a\n-- a --\nold\n-- b --\nx", {"a", "new\nlines\n"}) ==
        "cmp stdout a\n-- a --\nnew\nlines\n-- b --\nx");
  CHECK(changed("cmp stdout b\r\n--   a  --\r\nold\r\n-- b --\r\nx\r\n", {"a", "new\n"}) ==
        "cmp stdout b\r\n--   a  --\r\nnew\n-- b --\r\nx\r\n");
  CHECK(changed("cmp stdout a\n-- a --\n-- b --\n", {"a", "x\n"}) == "cmp stdout a\n-- a --\nx\n-- b --\n");
  CHECK(changed("cmp stdout a\n-- a --\nx\n-- b --\n", {"a", ""}) == "cmp stdout a\n-- a --\n-- b --\n");
  // At the end of a source that lacks its last line end.
  CHECK(changed("cmp stdout a\n-- a --\nold", {"a", "new\n"}) == "cmp stdout a\n-- a --\nnew\n");
  CHECK(changed("cmp stdout a\n-- a --", {"a", "new\n"}) == "cmp stdout a\n-- a --\nnew\n");
  CHECK(changed("cmp stdout a\n-- a --\r", {"a", "new\n"}) == "cmp stdout a\n-- a --\r\nnew\n");
}

TEST_CASE("member edit: what is there already is no change") {
  for (const std::string data : {"", "x\n", "x"}) {
    auto edits = edits_for_member(read("cmp stdout a\n-- a --\n" + data), {"a", data.empty() ? "" : "x\n"});
    CHECK(edits.value().empty());
  }
  auto edits = edits_for_member(read("unquote a\ncmp stdout a\n-- a --\n>x\n"), {"a", "x\n", true});
  CHECK(edits.value().empty());
}

TEST_CASE("member edit: lines that look like markers are quoted, and a line takes that away again") {
  CHECK(changed("# phase\n\ncmp stdout a\n-- a --\nold\n", {"a", "-- x --\ny\n"}) ==
        "# phase\n\nunquote a\ncmp stdout a\n-- a --\n>-- x --\n>y\n");
  CHECK(changed("cmp stdout a\r\n-- a --\r\nold\r\n", {"a", "-- x --\r\n"}) ==
        "unquote a\r\ncmp stdout a\r\n-- a --\r\n>-- x --\r\n");
  CHECK(changed("\xEF\xBB\xBF"
                "cmp stdout a\n-- a --\nold\n",
                {"a", "-- --\n"}) == "\xEF\xBB\xBFunquote a\ncmp stdout a\n-- a --\n>-- --\n");
  // In front of the first command, so where that is carried out.
  CHECK(changed("[host]\ncmp stdout a\n-- a --\nold\n", {"a", "-- x --\n"}) ==
        "[host]\nunquote a\ncmp stdout a\n-- a --\n>-- x --\n");
  CHECK(changed("cmp stdout $WORK/a\n-- a --\nold\n", {"a", "-- x --\n", false, false}) ==
        "unquote $WORK/a\ncmp stdout $WORK/a\n-- a --\n>-- x --\n");
  // One that is quoted stays so.
  CHECK(changed("unquote a\ncmp stdout a\n-- a --\n>old\n", {"a", ">new\n\n", true}) ==
        "unquote a\ncmp stdout a\n-- a --\n>>new\n>\n");
}

TEST_CASE("member edit: what cannot be told is refused") {
  const std::string source = "cmp stdout a\n-- a --\nold\n";
  CHECK(changed(source, {"a", "x"}).find("error: its last line has no end") == 0);
  CHECK(changed(source, {"b", "x\n"}).find("error: t.txt: there is no file \"b\" in it") == 0);
  CHECK(
      changed("cmp stdout 'a b'\n-- ${a b}/c --\nold\n", {"${a b}/c", "-- x --\n"}).find("no line can say") !=
      std::string::npos);
  CHECK(changed("cmp stdout 'a b'\n-- ${a b}/c --\nold\n", {"${a b}/c", "x\n"}).find("\nx\n") !=
        std::string::npos);
}

TEST_CASE("member edit: words for names") {
  CHECK(word_for("a/b-c.txt").value() == "a/b-c.txt");
  CHECK(word_for("a b").value() == "a' 'b");
  CHECK(word_for("it's").value() == "it''''s");
  CHECK(word_for("&").value() == "'&'");
  CHECK(word_for("$X/a#b").value() == "$X/a'#'b");
  CHECK(word_for("${X}y").value() == "${X}y");
  CHECK(!word_for("${a b}").ok());
}

TEST_CASE("member edit: quoting and back") {
  CHECK(unquoted_member("").value().empty());
  CHECK(unquoted_member(">a\nb\n>>c\n").value() == "a\nb\n>c\n");
  CHECK(!unquoted_member("a\n").ok());
  CHECK(!unquoted_member(">a").ok());
}

TEST_CASE("member edit: whatever is wanted is seen afterwards, and a second time nothing changes") {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"a",    "-- x --", "-- --",     "--", ">",
                                           "\r",   "$",       "\n",        "\n", std::string(1, '\0'),
                                           "\xff", " ",       "-- a --\n", "#",  "unquote a\n"};
  for (int i = 0; i < 3000; ++i) {
    std::string content, other, name = random() % 2 == 0 ? "a" : "d/a b";
    for (unsigned n = random() % 8; n > 0; --n) content += pieces[random() % pieces.size()];
    for (unsigned n = random() % 4; n > 0; --n) other += pieces[random() % 2 == 0 ? 0 : 4];
    if (!content.empty() && !content.ends_with('\n')) content += '\n';
    const std::string end = random() % 2 == 0 ? "\n" : "\r\n";
    std::string source = "cmp stdout x" + end + "-- " + name + " --" + end + "old";
    if (random() % 2 == 0) source += "\n-- z --\n" + other;
    const std::string once = changed(source, {name, content});
    CAPTURE(source);
    CAPTURE(content);
    REQUIRE(once.find("error: ") != 0);
    REQUIRE(seen(once, name) == content);
    REQUIRE(seen(once, "z") == seen(source, "z"));
    REQUIRE(changed(once, {name, content, once.starts_with("unquote ")}) == once);
  }
}
