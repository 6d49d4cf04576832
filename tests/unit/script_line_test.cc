// The line grammar: words, quotes, comments, prefixes, and what is refused.
#include "script/line.h"

#include <doctest/doctest.h>

using namespace testctr;
using namespace testctr::script;

namespace {

const Place place{"t.txt", 7};

/// A command in one line of text: conditions, want, name, arguments with quoted parts in <>, background.
std::string show(std::string_view line) {
  auto parsed = parse_line(place, line);
  if (!parsed.ok()) return "error " + parsed.error().message();
  if (!parsed.value()) return "nothing";
  const Command& command = *parsed.value();
  std::string text;
  for (const Condition& condition : command.conditions)
    text += fmt::format("[{}{}] ", condition.negated ? "!" : "", condition.text);
  if (command.exit_code) text += fmt::format("!{} ", *command.exit_code);
  if (command.want == Want::failure && !command.exit_code) text += "! ";
  if (command.want == Want::either) text += "? ";
  text += command.name;
  for (const Word& word : command.arguments) {
    text += " |";
    for (const Fragment& fragment : word) text += fragment.quoted ? "<" + fragment.text + ">" : fragment.text;
  }
  if (command.background) text += " &" + command.background_name;
  return text;
}

}  // namespace

TEST_CASE("script line: words, quotes and comments") {
  struct Row {
    const char* line;
    const char* want;
  };
  const Row rows[] = {
      {"", "nothing"},
      {"   \t ", "nothing"},
      {"  # only a comment", "nothing"},
      {"\r", "nothing"},
      {"exec go version", "exec |go |version"},
      {"exec\tgo\r", "exec |go"},
      {"echo a#b c", "echo |a"},
      {"echo a # b", "echo |a"},
      {"echo 'a # b'", "echo |<a # b>"},
      {"echo 'it''s'", "echo |<it's>"},
      {"echo ''", "echo |<>"},
      {"echo a''b", "echo |a<>b"},
      {"echo ''''", "echo |<'>"},
      {"echo a'b c'd", "echo |a<b c>d"},
      {"echo 'a'$X'b'", "echo |<a>$X<b>"},
      {"exec echo \"hello   world\" x", "exec |echo |\"hello |world\" |x"},
      {"echo a\\ b", "echo |a\\ |b"},
      {"echo 'a\\nb'", "echo |<a\\nb>"},
      {"exec sleep 1 &", "exec |sleep |1 &"},
      {"exec sleep 1 &\r", "exec |sleep |1 &"},
      {"exec sleep 1 & # later", "exec |sleep |1 &"},
      {"exec echo '&'", "exec |echo |<&>"},
      {"exec echo a&", "exec |echo |a&"},
      {"exec sleep 1 &a_1&", "exec |sleep |1 &a_1"},
      {"exec echo '&a&'", "exec |echo |<&a&>"},
      {"exec echo &'a'&", "exec |echo |&<a>&"},
      {"exec echo &a& b", "exec |echo |&a& |b"},
      {"exec echo &&", "exec |echo |&&"},
      {"exec echo &a", "exec |echo |&a"},
      {"exec & x", "exec |& |x"},
      {"\xff\xfe x", "\xff\xfe |x"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(show(row.line) == row.want);
  }
}

TEST_CASE("script line: prefixes in any order") {
  CHECK(show("! exec x") == "! exec |x");
  CHECK(show("? exec x") == "? exec |x");
  CHECK(show("[linux] exec x") == "[linux] exec |x");
  CHECK(show("[!linux] exec x") == "[!linux] exec |x");
  CHECK(show("[linux] ! exec x") == "[linux] ! exec |x");
  CHECK(show("! [linux] exec x") == "[linux] ! exec |x");
  CHECK(show("[a] ? [!b] [exec:c] exec x") == "[a] [!b] [exec:c] ? exec |x");
  CHECK(show("exec ! ? [x]") == "exec |! |? |[x]");
  CHECK(show("!2 exec x") == "!2 exec |x");
  CHECK(show("[a] !255 [b] exec x") == "[a] [b] !255 exec |x");
  CHECK(show("exec !2") == "exec |!2");
  auto parsed = parse_line(place, "  [a] [!b] ! exec x");
  REQUIRE(parsed.ok());
  CHECK(parsed.value()->conditions[0].column == 3);
  CHECK(parsed.value()->conditions[1].column == 7);
  CHECK(parsed.value()->column == 14);
  CHECK(parsed.value()->line == 7);
  CHECK(parsed.value()->text == "  [a] [!b] ! exec x");
}

TEST_CASE("script line: errors say line, column and what to write") {
  struct Row {
    const char* line;
    const char* want;
  };
  const Row rows[] = {
      {"exec 'abc", "t.txt:7:6: unterminated quoted argument"},
      {"exec a'b''", "t.txt:7:7: unterminated quoted argument"},
      {"!", "t.txt:7:1: missing command"},
      {" ?", "t.txt:7:2: missing command"},
      {"[linux]", "t.txt:7:1: missing command"},
      {"[linux] # comment", "t.txt:7:1: missing command"},
      {"! ! exec x", "t.txt:7:3: duplicated `!` or `?`"},
      {"! ? exec x", "t.txt:7:3: duplicated `!` or `?`"},
      {"[] exec x", "t.txt:7:1: empty condition"},
      {"[!] exec x", "t.txt:7:1: empty condition"},
      {"[exec: x] exec x", "t.txt:7:1: the condition [exec: has no `]`"},
      {"[linux]exec x", "t.txt:7:8: no blank after the condition [linux]"},
      {"'exec' x", "t.txt:7:1: a command's name cannot be quoted"},
      {"'!' exec x", "t.txt:7:1: a command's name cannot be quoted"},
      {"ex'ec' x", "t.txt:7:1: neither a command's name nor a prefix can contain quotes"},
      {"!0 exec x", "t.txt:7:1: `!0`: an exit status that is a failure is 1 to 255"},
      {"!256 exec x", "t.txt:7:1: `!256`: an exit status that is a failure is 1 to 255"},
      {"!99999999999 exec x", "t.txt:7:1: `!99999999999`: an exit status that is a failure is 1 to 255"},
      {"! !2 exec x", "t.txt:7:3: duplicated `!` or `?`"},
      {"!2 ? exec x", "t.txt:7:4: duplicated `!` or `?`"},
      {"exec x &a-b&", "t.txt:7:8: \"a-b\" is no name for the background"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    auto parsed = parse_line(place, row.line);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message() == row.want);
    CHECK(parsed.error().fault() == Fault::usage);
  }
  CHECK_FALSE(parse_line(place, std::string_view("exec a\0b", 8)).ok());
}

namespace {

/// A section in one line of text, or what is wrong with it.
std::string section_of(std::string_view line) {
  auto parsed = parse_section(place, line);
  if (!parsed.ok()) return "error " + parsed.error().message();
  if (!parsed.value()) return "nothing";
  const Section& section = *parsed.value();
  return fmt::format("{}:{} {}|{}|{} -> {}", section.line, section.column,
                     section.host ? "host" : "container", section.image, section.name, section.place());
}

}  // namespace

TEST_CASE("script line: commands that carry out others") {
  const auto inner = [](std::string_view line) -> std::string {
    const Command outer = *parse_line(place, line).value();
    auto found = inner_command(outer);
    if (!found.ok()) return "error " + found.error().message();
    if (!found.value()) return "nothing";
    const Command& command = *found.value();
    CHECK(command.line == 7);
    std::string text = command.exit_code ? fmt::format("!{} ", *command.exit_code) : "";
    if (command.want == Want::failure && !command.exit_code) text += "! ";
    if (command.want == Want::either) text += "? ";
    text += command.name;
    for (const Word& word : command.arguments) {
      text += " |";
      for (const Fragment& fragment : word)
        text += fragment.quoted ? "<" + fragment.text + ">" : fragment.text;
    }
    return text;
  };
  CHECK(inner("exec x") == "nothing");
  CHECK(inner("defer exec 'a b' $X") == "exec |<a b> |$X");
  CHECK(inner("defer ! exec x") == "! exec |x");
  CHECK(inner("timeout 5s ? exec x") == "? exec |x");
  CHECK(inner("retry -timeout $D !3 exec x") == "!3 exec |x");
  CHECK(inner("timeout 5s retry -timeout 1s exec x") == "retry |-timeout |1s |exec |x");
  CHECK(inner("retry exec x") == "exec |x");
  CHECK(inner("defer !") == "error defer: no command");
  CHECK(inner("timeout 5s") == "error timeout: no command");
  CHECK(inner("defer !0 exec x").starts_with("error defer: `!0`"));
  CHECK(inner("defer ! ? exec x") == "error defer: duplicated `!` or `?`");
  CHECK(inner("defer 'exec' x") == "error defer: a command's name cannot be quoted");
  CHECK(inner("defer [x] exec x").starts_with("error defer: a condition"));
  // However long a line is, what carries out what ends soon.
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "timeout 1s ";
  Command outer = *parse_line(place, deep + "exec x").value();
  int depth = 0;
  for (; depth < 10; ++depth) {
    auto next = inner_command(outer);
    if (!next.ok()) break;
    Command deeper = *std::move(next).value();
    outer = std::move(deeper);
  }
  CHECK(depth == 3);
  const auto words = testctr_words(*parse_line(place, "timeout 5s ! testctr start $I c").value());
  REQUIRE(words.size() == 3);
  CHECK(*words[0] == "start");
  CHECK_FALSE(words[1].has_value());
  CHECK(testctr_words(*parse_line(place, "timeout 5s exec testctr").value()).empty());
}

TEST_CASE("script line: sections") {
  struct Row {
    const char* line;
    const char* want;
  };
  const Row rows[] = {
      {"[host]", "7:1 host|| -> host"},
      {"  [host]  # here", "7:3 host|| -> host"},
      {"\t[host]\r", "7:2 host|| -> host"},
      {"[container]", "7:1 container|| -> container"},
      {"[container golang:latest]", "7:1 container|golang:latest| -> golang:latest"},
      {" [container  golang:latest ] # why", "7:2 container|golang:latest| -> golang:latest"},
      {"[container golang:latest as go]", "7:1 container|golang:latest|go -> go"},
      {"[container dir:/x as a.b-c_1]", "7:1 container|dir:/x|a.b-c_1 -> a.b-c_1"},
      {"[container x@sha256:12]", "7:1 container|x@sha256:12| -> x@sha256:12"},
      // Conditions and commands are none.
      {"", "nothing"},
      {"# [host]", "nothing"},
      {"exec [host]", "nothing"},
      {"[linux] exec true", "nothing"},
      {"[host] exec true", "nothing"},
      {"[container] exec true", "nothing"},
      {"[hosts]", "nothing"},
      {"[!host]", "nothing"},
      {"[containers]", "nothing"},
      {"[host:x] exec true", "nothing"},
      // Mistakes.
      {"[host x]", "error t.txt:7:1: [host] takes no words"},
      {"  [host ]", "error t.txt:7:3: [host] takes no words"},
      {"[container golang", "error t.txt:7:18: the section's line does not end with `]`"},
      {"[container golang # x]", "error t.txt:7:18: the section's line does not end with `]`"},
      {"[container golang] exec true", "error t.txt:7:29: the section's line does not end with `]`"},
      {"[container ]", "error t.txt:7:1: not a section"},
      {"[container a b]", "error t.txt:7:14: not a section"},
      {"[container a as]", "error t.txt:7:14: not a section"},
      {"[container a as b c]", "error t.txt:7:14: not a section"},
      {"[container a is b]", "error t.txt:7:14: not a section"},
      {"[container $IMAGE]", "error t.txt:7:12: the image of a section is written out, without variables"},
      {"[container a as host]", "error t.txt:7:17: \"host\" cannot name a container"},
      {"[container a as container]", "error t.txt:7:17: \"container\" cannot name a container"},
      {"[container a as localhost]", "error t.txt:7:17: \"localhost\" cannot name a container"},
      {"[container a as -b]", "error t.txt:7:17: \"-b\" cannot name a container"},
      {"[container a as b/c]", "error t.txt:7:17: \"b/c\" cannot name a container"},
      {"[container a as $B]", "error t.txt:7:17: \"$B\" cannot name a container"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(section_of(row.line) == row.want);
  }
}

TEST_CASE("script line: names of containers") {
  for (const char* name : {"a", "A1", "0", "db-1", "a.b_c"}) CHECK(is_container_name(name));
  CHECK(is_container_name(std::string(63, 'x')));
  CHECK_FALSE(is_container_name(std::string(64, 'x')));
  CHECK_FALSE(is_container_name(std::string_view("a\0b", 3)));
  for (const char* name :
       {"", "-a", ".a", "_a", "a b", "a/b", "a:b", "\xc3\xa4", "host", "container", "localhost"})
    CHECK_FALSE(is_container_name(name));
}
