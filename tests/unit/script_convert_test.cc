// Cram as Markdown and back to the byte; Markdown as Cram, and what Cram cannot say.
#include "script/convert.h"

#include <doctest/doctest.h>

#include <array>
#include <random>

#include "script_convert_support.h"
#include "script_document_support.h"

using namespace testctr;
using namespace testctr::script;

namespace {

const std::string front =
    "---\n# From Cram, indentation 2\nshell: /bin/sh\ndefaults:\n  output_stream: combined\n"
    "  keep_crlf: true\n---\n\n";

Result<Converted> markdown_of(std::string_view cram, size_t indent = 2) {
  auto document = read_cram("d.t", cram, {Compat::none, indent});
  INFO(error_of(document));
  REQUIRE(document.ok());
  return to_markdown(document.value(), indent);
}

Result<Converted> cram_of(std::string_view markdown, const ToCram& options = {}) {
  auto document = read_markdown("d.md", markdown);
  INFO(error_of(document));
  REQUIRE(document.ok());
  return to_cram(document.value(), options);
}

std::string text_of(const Result<Converted>& made) {
  return made.ok() ? made.value().text : "error: " + made.error().message();
}

/// What the Cram document becomes, without the front matter.
std::string block(std::string_view cram) {
  std::string text = text_of(markdown_of(cram));
  CHECK(lost_by_cram(std::string(cram), 2) == "");
  return text.starts_with(front) ? text.substr(front.size()) : text;
}

std::string notes_of(const Result<Converted>& made) {
  if (!made.ok()) return "error: " + made.error().message();
  std::string all;
  for (const Remark& note : made.value().notes) all += fmt::format("{}: {}\n", note.line, note.text);
  return all;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// A document of pieces that mean something somewhere.
std::string generated(std::mt19937& random, const std::vector<std::string>& pieces, size_t most) {
  std::string source;
  for (size_t n = random() % most; n > 0; --n) source += pieces[random() % pieces.size()];
  return source;
}

}  // namespace

TEST_CASE("convert: a Cram document as Markdown") {
  CHECK(text_of(markdown_of("Prose.\n\n  $ one\n  > more\n  out\n  [3]\n  $ two\n\nEnd\n")) ==
        front + "Prose.\n\n```scrut\n$ one\n> more\nout\n[3]\n```\n```scrut\n$ two\n```\n\nEnd\n");
  CHECK(text_of(markdown_of("")) == front);
  auto read = read_markdown("d", front);
  REQUIRE(read.ok());
  CHECK(read.value().config.shell == "/bin/sh");
  CHECK(read.value().config.defaults.stream == Stream::combined);
  CHECK(read.value().config.defaults.keep_crlf == true);
}

TEST_CASE("convert: the last line's end and a byte order mark stay") {
  CHECK(block("  $ a\n  b") == "```scrut\n$ a\nb\n```");
  CHECK(block("  $ a") == "```scrut\n$ a\n```");
  CHECK(block("  $ a\r\n  b\r\n") == text_of(markdown_of("  $ a\r\n  b\r\n")));
  CHECK(text_of(markdown_of("x\r\n  $ a\r\n")).ends_with("---\r\n\r\nx\r\n```scrut\r\n$ a\r\n```\r\n"));
  CHECK(text_of(markdown_of("\xEF\xBB\xBF  $ a\n")) == "\xEF\xBB\xBF" + front + "```scrut\n$ a\n```\n");
  for (std::string_view source : {"\xEF\xBB\xBF", "\xEF\xBB\xBF\xEF\xBB\xBFx", "\r", "\n", "\r\n", "  $ a\r",
                                  "x\r", "  $ a\r\r\n  b\r\r\n"})
    CHECK(lost_by_cram(std::string(source), 2) == "");
}

TEST_CASE("convert: text that would be structure in Markdown is hidden") {
  CHECK(block("---\n---\n") == "<!-- cram: --- -->\n---\n");
  CHECK(block("\n--- \nx\n---\n") == "\n<!-- cram: ---  -->\nx\n---\n");
  CHECK(block("```scrut\n  $ a\n```\n") ==
        "<!-- cram: ```scrut -->\n```scrut\n$ a\n```\n<!-- cram: ``` -->\n");
  CHECK(block("```sh\ncode\n```\n") == "```sh\ncode\n```\n");
  CHECK(block("```sh\n~~~\n```\n") == "```sh\n~~~\n```\n");
  CHECK(block("````\n```scrut\n````\n") == "````\n```scrut\n````\n");
  CHECK(block("```sh\ncode\n  $ a\n```\n") ==
        "<!-- cram: ```sh -->\ncode\n```scrut\n$ a\n```\n<!-- cram: ``` -->\n");
  CHECK(block("~~~~\n~~~\n") == "<!-- cram: ~~~~ -->\n<!-- cram: ~~~ -->\n");
  CHECK(block("<!-- cram: x -->\n") == "<!-- cram: <!-- cram: x --> -->\n");
  CHECK(block(" ```\n") == "<!-- cram:  ``` -->\n");
}

TEST_CASE("convert: the fence is longer than what the body holds") {
  CHECK(block("  $ a\n  ```\n") == "````scrut\n$ a\n```\n````\n");
  CHECK(block("  $ a\n     `````x\n  ~~~\n") == "``````scrut\n$ a\n   `````x\n~~~\n``````\n");
}

TEST_CASE("convert: expectations that both dialects read alike stay as they are") {
  for (std::string_view line : {"plain", "a* (glob)", "a.* (re)", "\\x1b[0m (esc)", "end (no-eol)",
                                "\\x1b (no-eol) (esc)", "maybe (?)", "\\x1b* (esc) (glob)", "", " ()"}) {
    INFO(line);
    CHECK(block(fmt::format("  $ a\n  {}\n", line)) == fmt::format("```scrut\n$ a\n{}\n```\n", line));
  }
}

TEST_CASE("convert: expectations that they read differently are written otherwise") {
  const std::array<std::array<std::string_view, 2>, 9> lines = {{
      {"foo (equal)", "foo (equal) (equal)"},
      {"foo (glob+)", "foo (glob+) (equal)"},
      {"x (json)", "x (json) (equal)"},
      {"foo (eq) (?)", "foo (eq) (?)"},
      {"a* (glob) (?)", "a* (glob?)"},
      {"a.* (re) (?)", "a.* (re?)"},
      {"\\x1b (esc) (?)", "\\x1b (esc?)"},
      {"\\x1b (no-eol) (esc) (?)", "\\x1b (no-eol) (esc?)"},
      {"end (no-eol) (?)", "end (no-eol?)"},
  }};
  for (const auto& [from, markdown] : lines) {
    const auto& cram = from;
    INFO(cram);
    CHECK(block(fmt::format("  $ a\n  {}\n", cram)) == fmt::format("```scrut\n$ a\n{}\n```\n", markdown));
  }
  CHECK(block("  $ a\n  [3]\n  [0]\n") == "```scrut\n$ a\n[3] (equal)\n[0] (equal)\n```\n");
  CHECK(block("  $ a\n  [3]\n  [4]\n") == "```scrut\n$ a\n[3] (equal)\n[4]\n```\n");
}

TEST_CASE("convert: a comment keeps words that the way back would not find") {
  CHECK(block("  $ a\n  x\n  it\\'s \\1 (esc)\n") ==
        "```scrut\n# Cram line 2: it\\'s \\1 (esc)\n$ a\nx\nit's \\x01 (esc)\n```\n");
  CHECK(block("  $ a\n  >\n") == "```scrut\n# Cram line 1: >\n$ a\n\\x3e (esc)\n```\n");
  CHECK(block("  $ a\n  --- a\\t* (glob)\n  \\x1b\\* \\t (glob)\n") ==
        "```scrut\n# Cram line 1: --- a\\t* (glob)\n$ a\n--- a\\t* (esc) (glob)\n\\x1b\\* \\t (glob)\n```\n");
  CHECK(block("  $ a\n  x (escaped) (glob)\n") ==
        "```scrut\n# Cram line 1: x (escaped) (glob)\n$ a\nx (escaped) (esc) (glob)\n```\n");
  // Once the line means something else, or is not there, the comment counts no more.
  const std::string_view begin = "```scrut\n# Cram line 1: it\\'s (esc)\n$ a\n";
  CHECK(text_of(cram_of(fmt::format("{}its\n```\n", begin))) == "  $ a\n  its\n");
  CHECK(text_of(cram_of(fmt::format("{}```\n", begin))) == "  $ a\n");
  CHECK(text_of(cram_of(fmt::format("{}it's (esc)\n```\n", begin))) == "  $ a\n  it\\'s (esc)\n");
  // Nor where it would be a command.
  CHECK(text_of(cram_of("```scrut\n# Cram line 2: $ x\n$ a\nb\n$ x\n```\n")) ==
        "  $ a\n  b\n  \\x24 x (esc)\n");
}

TEST_CASE("convert: text within a body is kept in the block") {
  CHECK(block("  $ a\n\n  b\ntext\n  > c\n") ==
        "```scrut\n# Cram text 1: \n# Cram text 2: text\n$ a\nb\n> c\n```\n");
  CHECK(block("  $ a\n#\n  > c\n") ==
        "```scrut\n# Cram text 1: #\n# Cram line 1: > c\n$ a\n\\x3e c (esc)\n```\n");
  // It is never lost, whatever became of the lines.
  CHECK(text_of(cram_of("```scrut\n# Cram text 9: text\n$ a\n```\n")) == "  $ a\ntext\n");
  CHECK(text_of(cram_of("```scrut\n# Cram text 1:   $ b\n$ a\n```\n")) == "  $ a\n\\  $ b\n");
}

TEST_CASE("convert: indented text and comments of blocks come back from Cram") {
  const std::string markdown = front +
                               "* one\n  two\n    three\n\\  four\n\n```scrut\n# why\n$ a\nb\n```\n"
                               "  ~~~sh\n  code\n  ~~~\n";
  const std::string cram = text_of(cram_of(markdown));
  CHECK(
      cram ==
      "* one\n\\  two\n\\    three\n\\\\  four\n\n#scrut # why\n  $ a\n  b\n\\  ~~~sh\n\\  code\n\\  ~~~\n");
  CHECK(text_of(markdown_of(cram)) == markdown);
  CHECK(block("#scrut # Cram text 1: x\n  $ a\n") == "#scrut # Cram text 1: x\n```scrut\n$ a\n```\n");
  CHECK(block("#scrut # x\n\n  $ a\n") == "#scrut # x\n\n```scrut\n$ a\n```\n");
  CHECK(block("\\  ```\n") == "<!-- cram: \\  ``` -->\n");
}

TEST_CASE("convert: other indentations") {
  const std::string source = "text\n  text\n    $ a\n    b\n";
  auto made = markdown_of(source, 4);
  CHECK(has(text_of(made), "indentation 4\n"));
  CHECK(text_of(cram_of(text_of(made))) == source);
  CHECK(text_of(cram_of(text_of(made), {size_t{1}, false})) == "text\n\\  text\n $ a\n b\n");
  CHECK_FALSE(cram_of("```scrut\n$ a\n```\n", {size_t{0}, false}).ok());
}

TEST_CASE("convert: Markdown as Cram") {
  const std::string_view begin = "```scrut\n$ a\n";
  const std::array<std::array<std::string_view, 2>, 12> bodies = {{
      {"x\n", "  x\n"},
      {"[3]\nx\n", "  x\n  [3]\n"},
      {"[0]\nx\n", "  x\n"},
      {"[3] (equal)\n", "  \\x5b3] (esc)\n"},
      {"[3] (equal)\nx\n", "  [3]\n  x\n"},
      {"$ x\n", "  \\x24 x (esc)\n"},
      {"x\n> y\n", "  x\n  > y\n"},
      {"a (re) (equal)\n", "  a (re) (esc)\n"},
      {"a (regex?)\n", "  a (re) (?)\n"},
      {"\\e[0m (escaped)\n", "  \\x1b[0m (esc)\n"},
      {"> (\n", "  > (\n"},
      {"[2]\n> x\n", "  \\x3e x (esc)\n  [2]\n"},
  }};
  for (const auto& [from, cram] : bodies) {
    const auto& markdown = from;
    INFO(markdown);
    if (markdown.starts_with("> ")) continue;
    const std::string source = fmt::format("{}{}```\n", begin, markdown);
    CHECK(text_of(cram_of(source)) == fmt::format("  $ a\n{}", cram));
    CHECK(lost_by_markdown(source, false) == "");
  }
  CHECK(text_of(cram_of("# Title\n\nText\n\n  ~~~ testctr\n  $ a\n  >\n  > b\n  >\n  c\n  ~~~")) ==
        "# Title\n\nText\n\n  $ a\n  >\n  > b\n  > \n  c");
}

TEST_CASE("convert: what means something else though nothing is lost is told") {
  const std::string notes = notes_of(cram_of("```scrut\n$ a\n```\n```scrut\n$ (x)\n> exit 3\n```\n"));
  CHECK(has(notes, "2: from now on /bin/sh"));
  CHECK(has(notes, "2: no output_stream is set"));
  CHECK(has(notes, "2: no keep_crlf is set"));
  CHECK(has(notes, "5: this may end the shell"));
  CHECK(notes_of(cram_of(front + "```scrut\n$ exit 3\n[3]\n```\n")) == "");
  CHECK(notes_of(cram_of("---\nshell: sh\ndefaults: {keep_crlf: true}\n---\n"
                         "```scrut {output_stream: combined}\n$ (exit 3)\n[3]\n```\n")) == "");
  CHECK(has(notes_of(markdown_of("  $ a\n  b \\(esc\\) (re)\n")), "2: Cram holds this pattern"));
  const std::string ends = notes_of(markdown_of("  $ set -e\n  $ echo exit\n  $ exec a\n  $ exit 1\n"));
  CHECK(has(ends, "1: this may end the shell"));
  CHECK(has(ends, "3: this may end the shell"));
  CHECK_FALSE(has(ends, "2: "));
  CHECK_FALSE(has(ends, "4: "));
}

TEST_CASE("convert: what Cram cannot say is an error at its line") {
  const std::array<std::array<std::string_view, 2>, 16> keys = {{
      {"detached: true", "detached"},
      {"detached_kill_signal: int", "detached_kill_signal"},
      {"environment: {A: b}", "environment"},
      {"fail_fast: true", "fail_fast"},
      {"interpolated: true", "interpolated"},
      {"keep_crlf: false", "keep_crlf"},
      {"mode: jsonschema", "mode"},
      {"output_stream: stdout", "output_stream"},
      {"output_stream: stderr", "output_stream"},
      {"skip_document_code: 81", "skip_document_code"},
      {"stdin: x", "stdin"},
      {"strip_ansi_escaping: true", "strip_ansi_escaping"},
      {"timeout: 5s", "timeout"},
      {"wait: 1s", "wait"},
      {"wait: {timeout: 1s, path: x}", "wait"},
      {"skip_document_code: 0", "skip_document_code"},
  }};
  for (const auto& [from, key] : keys) {
    const auto& line = from;
    INFO(line);
    const std::array<std::pair<std::string, std::string>, 3> places = {{
        {fmt::format("```scrut {{{}}}\n$ a\n```\n", line), "d.md:1: "},
        {fmt::format("x\n```scrut\n# c\n% {}\n$ a\n```\n", line), "d.md:4: "},
        {fmt::format("---\n\ndefaults:\n  {}\n---\n```scrut\n$ a\n```\n", line), "d.md:4: "},
    }};
    for (const auto& [source, place] : places) {
      auto made = cram_of(source);
      REQUIRE_FALSE(made.ok());
      CHECK(made.error().fault() == Fault::usage);
      CHECK(made.error().message().starts_with(place + std::string(key) + ": "));
      CHECK(has(made.error().hint(), "--lossy"));
      auto lossy = cram_of(source, {std::nullopt, true});
      CHECK(has(text_of(lossy), "#lost "));
      CHECK(has(text_of(lossy), line));
      CHECK(has(notes_of(lossy), std::string(key) + ": lost"));
    }
  }
  for (std::string_view line :
       {"append: [a.md]", "prepend: [a.md]", "shell: /bin/bash", "total_timeout: 5s"}) {
    INFO(line);
    auto made = cram_of(fmt::format("---\n{}\n---\n```scrut\n$ a\n```\n", line));
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().message().starts_with("d.md:2: " + std::string(line.substr(0, line.find(':')))));
  }
  const std::string several =
      text_of(cram_of("```scrut {timeout: 1s}\n$ a\nb (+)\nc (re*)\n{} (json)\n```\n"));
  for (std::string_view part :
       {"d.md:1: timeout", "d.md:3: the quantifier +", "d.md:4: the quantifier *", "d.md:5: (json)"})
    CHECK(has(several, part));
  CHECK(text_of(cram_of("---\n# c\ntotal_timeout: 5s\n---\n```scrut {timeout: 1s}\n% wait: 1s\n$ a\nb "
                        "(+)\n{} (json)\n```\n",
                        {std::nullopt, true})) ==
        "#scrut # c\n#lost total_timeout: 5s\n#lost {timeout: 1s}\n#lost % wait: 1s\n#lost b (+)\n#lost {} "
        "(json)\n"
        "  $ a\n  b\n  {} (json)\n");
}

TEST_CASE("convert: a default that every case sets otherwise is nothing that is lost") {
  CHECK(cram_of("---\ndefaults: {output_stream: stderr}\n---\n```scrut {output_stream: combined}\n$ a\n```\n")
            .ok());
  CHECK_FALSE(cram_of("---\ndefaults: {output_stream: stderr}\n---\n```scrut\n$ a\n```\n").ok());
  const std::string both =
      text_of(cram_of("---\ndefaults: {timeout: 1s}\n---\n```scrut {timeout: 2s}\n$ a\n```\n"));
  CHECK(has(both, "d.md:2: timeout"));
  CHECK(has(both, "d.md:4: timeout"));
  CHECK(cram_of("```scrut {detached: false, timeout: 1s}\n$ a\n```\n", {std::nullopt, true}).ok());
}

TEST_CASE("convert: any Cram document comes back to the byte") {
  const std::vector<std::string> pieces = {"  $ cmd",
                                           "  $ ",
                                           "  > more",
                                           "  > ",
                                           "  >",
                                           "  $",
                                           "  out",
                                           "  ",
                                           "    deep",
                                           "  [3]",
                                           "  [0]",
                                           "  [03]",
                                           "  [256]",
                                           "  x (re)",
                                           "  a* (glob)",
                                           "  a* (glob) (?)",
                                           "  y (?)",
                                           "  y (+)",
                                           "  y (equal)",
                                           "  y (equal?)",
                                           "  it\\'s \\n (esc)",
                                           "  \\x1b (esc)",
                                           "  \\033 (esc)",
                                           "  z (no-eol)",
                                           "  z (no-eol) (esc)",
                                           "  z (escaped) (glob)",
                                           "  z (esc) (glob)",
                                           "  {} (json)",
                                           "  ```",
                                           "  ```scrut",
                                           "  ````",
                                           "  ~~~",
                                           "  $x",
                                           "  # c",
                                           "  % k: v",
                                           "text",
                                           " text",
                                           "\ttext",
                                           "# comment",
                                           "#scrut # c",
                                           "#scrut % x",
                                           "#lost x",
                                           "```",
                                           "```scrut",
                                           "````",
                                           "~~~",
                                           "``` `",
                                           "   ```",
                                           "---",
                                           "--- ",
                                           "\\  x",
                                           "\\\\  $ y",
                                           "\\",
                                           "<!-- cram: x -->",
                                           "<!-- cram: <!-- cram: x --> -->",
                                           "<!-- cram:  -->",
                                           "# Cram line 1: x",
                                           "# Cram text 1: x",
                                           "  # Cram text 1: x",
                                           "\xEF\xBB\xBF",
                                           "\xEF\xBB\xBF  $ x",
                                           "\xff\xfe",
                                           std::string("a\0b", 3),
                                           std::string("  a\0b", 5),
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\n",
                                           "\r\n",
                                           "\r\n",
                                           "\r",
                                           "\n\n",
                                           "\n  $ a\n",
                                           "\n  $ a\n"};
  std::mt19937 random(7);
  size_t read = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string source = (random() % 2 == 0 ? "  $ a\n" : "") + generated(random, pieces, 24);
    const size_t indent = random() % 5 == 0 ? 1 : 2;
    if (read_cram("f", source, {Compat::none, indent}).ok()) ++read;
    const std::string lost = lost_by_cram(source, indent);
    if (lost.empty()) continue;
    INFO(text::quoted(source));
    REQUIRE(lost == "");
  }
  CHECK(read > 6000);
}

TEST_CASE("convert: any Markdown document has the same cases as Cram, or is refused") {
  const std::vector<std::string> pieces = {"```scrut\n",
                                           "```scrut\n",
                                           "```scrut\n$ a\n",
                                           "```scrut\n$ a\n",
                                           "```\n",
                                           "```\n",
                                           "```\n",
                                           "~~~ testctr\n$ a\n",
                                           "~~~\n",
                                           "  ```scrut\n  $ a\n",
                                           "  ```\n",
                                           "````\n",
                                           "```sh\n",
                                           "$ cmd\n",
                                           "> more\n",
                                           ">\n",
                                           "> \n",
                                           "out\n",
                                           "\n",
                                           "  deep\n",
                                           "[3]\n",
                                           "[0]\n",
                                           "[3] (equal)\n",
                                           "x (re+)\n",
                                           "x (re?)\n",
                                           "x (re) (equal)\n",
                                           "y (?)\n",
                                           "y (*)\n",
                                           "$ x\n",
                                           "$ x (re)\n",
                                           "> x (glob)\n",
                                           "\\e (esc)\n",
                                           "\\033' (esc?)\n",
                                           "z (no-eol?)\n",
                                           "{} (json)\n",
                                           "# c\n",
                                           "% timeout: 5s\n",
                                           "# Cram line 1: >\n",
                                           "# Cram line 2: $ x\n",
                                           "# Cram text 1: x\n",
                                           "# Cram text 2:   $ y\n",
                                           "text\n",
                                           "  list\n",
                                           "    $ code\n",
                                           "\\  x\n",
                                           "<!-- cram: ``` -->\n",
                                           "<!-- cram:   $ b -->\n",
                                           "#scrut # c\n",
                                           "---\n",
                                           "---\nshell: sh\n---\n",
                                           "\xEF\xBB\xBF  $ x\n",
                                           "\r\n",
                                           "\xff\n",
                                           "x"};
  std::mt19937 random(8);
  size_t converted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string source = (random() % 6 == 0 ? front : "") + (random() % 2 == 0 ? "```scrut\n$ a\n" : "") +
                         generated(random, pieces, 16);
    if (random() % 2 == 0) source += "\n```\n";
    auto read = read_markdown("f", source);
    const bool lossy = random() % 2 == 0;
    if (read.ok() && !read.value().cases.empty() && to_cram(read.value(), {std::nullopt, lossy}).ok())
      ++converted;
    const std::string lost = lost_by_markdown(source, lossy);
    if (lost.empty()) continue;
    INFO(text::quoted(source));
    REQUIRE(lost == "");
  }
  CHECK(converted > 3000);
}

TEST_CASE("convert: documents of many lines take no longer by the line") {
  std::string fences, deep;
  for (size_t i = 0; i < 200000; ++i) fences += "```x\n";
  for (size_t i = 0; i < 100000; ++i) deep += "  $ a\n\n  it\\'s (esc)\ntext\n  b\n";
  CHECK(lost_by_cram(fences, 2) == "");
  auto made = markdown_of(deep);
  CHECK(made.ok());
}
