// The line editor: which keys make which line, and what a terminal shows of it.
#include "run/line_editor.h"

#include <doctest/doctest.h>

#include "base/text.h"

using testctr::run::LineEditor;

namespace {

using Key = LineEditor::Key;

/// One line of a terminal, and all that it was ever sent.
struct Screen {
  std::string line;
  size_t cursor = 0;

  void take(const std::string& bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes.compare(i, 3, "\x1b[K") == 0) {
        line.resize(std::min(cursor, line.size()));
        i += 2;
      } else if (bytes.compare(i, 7, "\x1b[H\x1b[2J") == 0) {
        line.clear();
        cursor = 0;
        i += 6;
      } else if (bytes[i] == '\r') {
        cursor = 0;
      } else if (bytes[i] == '\n') {
        line.clear();
        cursor = 0;
      } else {
        if (cursor >= line.size()) line.resize(cursor + 1);
        line[cursor++] = bytes[i];
      }
    }
  }
};

struct Typing {
  LineEditor editor;
  Screen screen;
  size_t columns = 40;

  Typing() {
    editor.begin("$ ");
    screen.take(editor.draw(columns));
  }
  /// What the last key means.
  Key type(const std::string& keys) {
    Key key = Key::none;
    for (const char byte : keys) {
      key = editor.take(byte);
      screen.take(editor.draw(columns));
    }
    return key;
  }
  std::string enter(const std::string& keys) {
    CHECK(type(keys + "\r") == Key::line);
    std::string line = editor.finish();
    editor.begin("$ ");
    screen = {};
    screen.take(editor.draw(columns));
    return line;
  }
};

}  // namespace

TEST_CASE("line editor: keys make a line, and the terminal shows it") {
  struct Row {
    const char *keys, *line, *shown;
    size_t cursor;
  };
  for (const Row& row : {
           Row{"abc", "abc", "$ abc", 5},
           Row{"abc\x1b[Dx", "abxc", "$ abxc", 5},
           Row{"abc\x1bOD\x1bOD\x1b[C\x7f", "ac", "$ ac", 3},
           Row{"abc\x01x\x05y", "xabcy", "$ xabcy", 7},
           Row{"abc\x1b[Hx\x1b[Fy", "xabcy", "$ xabcy", 7},
           Row{"abc\x1b[1~\x1b[3~", "bc", "$ bc", 2},
           Row{"abc\x1b[7~x\x1b[8~y", "xabcy", "$ xabcy", 7},
           Row{"abc\x02\x02\x06\x08", "ac", "$ ac", 3},
           Row{"abc\x02\x04", "ab", "$ ab", 4},
           Row{"abc\x02\x0b", "ab", "$ ab", 4},
           Row{"abc\x02\x15", "c", "$ c", 2},
           Row{"abc\x02\x15\x0b", "", "$ ", 2},
           Row{"one two  \x17", "one ", "$ one ", 6},
           Row{"one two\x17\x17\x17", "", "$ ", 2},
           Row{"a\x1b[1;5Cb", "ab", "$ ab", 4},
           Row{"ab\x1b[1;5Dc", "acb", "$ acb", 4},
           Row{"ab\x01\x1b[3;5~", "b", "$ b", 2},
           Row{"a\x1b[15~\x1b[Z\x1b[?25l\x1bx\x1b]0;title\a\x1bPq\x1b\\b", "ab", "$ ab", 4},
           Row{"a\x1b\x1b[Db", "ba", "$ ba", 3},
           Row{"a\x1b]never ended\x05z", "az", "$ az", 4},
           Row{"a\x0c", "a", "$ a", 3},
           Row{"\x03", "", "$ ", 2},
           Row{"a\x10\x0e\x07\x14", "a", "$ a", 3},
           Row{"\xc3\xa4\xe2\x82\xacx\x02\x02\x7f", "\xe2\x82\xacx", "$ \xe2\x82\xacx", 2},
           Row{"a\tb", "a\tb", "$ a\\x09b", 8},
           Row{"a\xff", "a\xff", "$ a\\xff", 7},
       }) {
    CAPTURE(testctr::text::printable(row.keys));
    Typing typing;
    (void)typing.type(row.keys);
    CHECK(testctr::text::printable(typing.screen.line) == testctr::text::printable(row.shown));
    CHECK(typing.screen.cursor == row.cursor);
    CHECK(typing.enter("") == row.line);
  }
}

TEST_CASE("line editor: keys that mean more") {
  Typing typing;
  CHECK(typing.type("\x03") == Key::interrupt);
  CHECK(typing.type("\x04") == Key::end);
  CHECK(typing.type("\x1a") == Key::suspend);
  CHECK(typing.type("a\x1a") == Key::suspend);
  CHECK(typing.type("\x03") == Key::drop);
  CHECK(typing.type("\x1b[\x03") == Key::drop);
  CHECK(typing.type("\n") == Key::line);
}

TEST_CASE("line editor: the history") {
  Typing typing;
  CHECK(typing.enter("\x1b[A") == "");
  for (const char* line : {"one", "two", "two", "  ", ""}) CHECK(typing.enter(line) == line);
  CHECK(typing.enter("\x1b[A") == "two");
  CHECK(typing.enter("\x1b[A\x1b[A") == "one");
  CHECK(typing.enter("\x10\x10\x10\x10\x10\x10x") == "onex");
  CHECK(typing.enter("draft\x10\x10\x0e\x0e\x0e!") == "draft!");
  CHECK(typing.enter("\x1b[A\x1b[B") == "");
  for (int i = 0; i < 600; ++i) CHECK(typing.enter("line " + std::to_string(i)) != "");
  std::string up;
  for (int i = 0; i < 700; ++i) up += '\x10';
  CHECK(typing.enter(up) == "line 100");
}

TEST_CASE("line editor: a line that is wider than the terminal") {
  Typing typing;
  typing.columns = 20;
  std::string line;
  for (int i = 0; i < 30; ++i) line += std::to_string(i) + ",";
  (void)typing.type(line);
  // The last column stays free, and the cursor is behind what was typed last.
  CHECK(typing.screen.line == "$ " + line.substr(line.size() - 17));
  CHECK(typing.screen.cursor == 19);
  for (size_t left = 0; left < line.size(); ++left) {
    (void)typing.type("\x02");
    CAPTURE(left);
    REQUIRE(typing.screen.line.size() <= 19);
    REQUIRE(typing.screen.line.size() >= 18);
    const size_t at = typing.screen.cursor;
    REQUIRE(line.substr(line.size() - left - 1, 3).starts_with(typing.screen.line.substr(at, 3)));
  }
  CHECK(typing.screen.line.starts_with("$ 0,1,2,"));
  CHECK(typing.editor.draw_whole() == "\r$ " + line + "\x1b[K\n");
  // What may be wide counts as two.
  typing.editor.begin("$ ");
  for (int i = 0; i < 20; ++i)
    for (const char byte : std::string("\xe6\xbc\xa2")) CHECK(typing.editor.take(byte) == Key::none);
  const std::string drawn = typing.editor.draw(20);
  CHECK(testctr::text::columns_at_most(drawn) == 18);
}

TEST_CASE("line editor: what is only longer is gone on with") {
  LineEditor editor;
  editor.begin("$ ");
  CHECK(editor.draw(40) == "$ ");
  CHECK(editor.take('a') == Key::none);
  CHECK(editor.draw(40) == "a");
  CHECK(editor.draw(40) == "");
  editor.forget_drawn(/*blank=*/false);
  CHECK(editor.draw(40) == "\r$ a\x1b[K");
  CHECK(editor.draw_whole() == "\n");
}
