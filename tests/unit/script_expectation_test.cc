// Expected lines: their grammar, what each rule matches, and how output is written as an expectation.
#include "script/expectation.h"

#include <doctest/doctest.h>

#include "script/escapes.h"
#include "script/glob.h"
#include "script/json_equal.h"
#include "script/line_regex.h"

using namespace testctr;
using namespace testctr::script;
using namespace std::string_literals;

namespace {

/// "rule quantifier [unescape] <pattern>"
std::string show(std::string_view text, Dialect dialect = Dialect::markdown, Compat compat = Compat::none) {
  const Expectation made = parse_expectation(text, dialect, compat);
  CHECK(made.text == text);
  constexpr const char* names[] = {"equal", "no-eol", "escaped", "glob", "regex", "json"};
  std::string shown = names[static_cast<int>(made.rule)];
  if (made.optional) shown += made.multi ? "*" : "?";
  if (made.multi && !made.optional) shown += "+";
  if (made.unescape) shown += " unescape";
  return shown + " <" + made.pattern + ">";
}

struct Setting {
  Dialect dialect = Dialect::markdown;
  Compat compat = Compat::none;
  const Variables* variables = nullptr;
};

bool matches(std::string_view text, std::string_view line, const Setting& setting = {}) {
  auto made = LineMatcher::make(parse_expectation(text, setting.dialect, setting.compat), setting.dialect,
                                setting.compat, setting.variables);
  if (!made.ok()) FAIL(made.error().full());
  const LineMatcher& matcher = made.value();
  const bool result = matcher.matches(line);
  // What a matcher tells about itself is so.
  bool named = false;
  for (const std::string& one : matcher.named_lines()) {
    CHECK(matcher.matches(one));
    named = named || one == line;
  }
  if (matcher.is_exact()) CHECK(result == named);
  return result;
}

std::string problem(std::string_view text, Dialect dialect = Dialect::markdown,
                    Compat compat = Compat::none) {
  Status status = check(parse_expectation(text, dialect, compat), dialect, compat);
  if (status.ok()) return "";
  CHECK(status.error().fault() == Fault::usage);
  return status.error().message();
}

const Setting cram{Dialect::cram};
const Setting like_cram{Dialect::cram, Compat::cram};
const Setting like_scrut{Dialect::markdown, Compat::scrut};
const Setting scrut_cram{Dialect::cram, Compat::scrut};

}  // namespace

TEST_CASE("expectation: suffixes of Markdown") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"", "equal <>"},
      {"foo", "equal <foo>"},
      {"foo (equal)", "equal <foo>"},
      {"foo (eq)", "equal <foo>"},
      {"foo (no-eol)", "no-eol <foo>"},
      {"foo (escaped)", "escaped <foo>"},
      {"foo (esc)", "escaped <foo>"},
      {"foo (glob)", "glob <foo>"},
      {"foo (gl)", "glob <foo>"},
      {"foo (regex)", "regex <foo>"},
      {"foo (re)", "regex <foo>"},
      {"{} (json)", "json <{}>"},
      {"foo (?)", "equal? <foo>"},
      {"foo (*)", "equal* <foo>"},
      {"foo (+)", "equal+ <foo>"},
      {"foo (glob?)", "glob? <foo>"},
      {"foo (gl*)", "glob* <foo>"},
      {"foo (re+)", "regex+ <foo>"},
      {"foo (eq*)", "equal* <foo>"},
      {"foo (no-eol?)", "no-eol? <foo>"},
      {"{} (json*)", "json* <{}>"},
      {"foo (glob+) (glob+)", "glob+ <foo (glob+)>"},
      {"foo (glob) (equal)", "equal <foo (glob)>"},
      {"foo\t(glob)", "glob <foo>"},
      {"foo  (glob)", "glob <foo >"},
      {" (glob)", "glob <>"},
      {" (?)", "equal? <>"},
      {"(glob)", "equal <(glob)>"},
      {"foo(glob)", "equal <foo(glob)>"},
      {"int main ()", "equal <int main ()>"},
      {"foo (globs)", "equal <foo (globs)>"},
      {"foo (GLOB)", "equal <foo (GLOB)>"},
      {"foo (glob+?)", "equal <foo (glob+?)>"},
      {"foo (glob ?)", "equal <foo (glob ?)>"},
      {"foo (a (glob)", "glob <foo (a>"},
      {"foo (glob) ", "equal <foo (glob) >"},
      {"foo (glob))", "equal <foo (glob))>"},
      {"foo\\t* (escaped) (glob+)", "glob+ unescape <foo\\t*>"},
      {"foo\\t* (esc) (gl)", "glob unescape <foo\\t*>"},
      {"foo (escaped) (regex)", "regex <foo (escaped)>"},
      {"foo (glob) (escaped)", "escaped <foo (glob)>"},
      {"foo\\r (no-eol) (esc)", "no-eol unescape <foo\\r>"},
      {"foo\\r (no-eol) (escaped*)", "no-eol* unescape <foo\\r>"},
  };
  for (const Row& row : rows) CHECK_MESSAGE(show(row.text) == row.want, row.text);
  CHECK(show("{} (json)", Dialect::markdown, Compat::scrut) == "equal <{} (json)>");
}

TEST_CASE("expectation: suffixes of Cram") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"foo", "equal <foo>"},
      {"foo (esc)", "escaped <foo>"},
      {"foo (glob)", "glob <foo>"},
      {"foo (re)", "regex <foo>"},
      {"foo (no-eol)", "no-eol <foo>"},
      {"foo (?)", "equal? <foo>"},
      {"foo* (glob) (?)", "glob? <foo*>"},
      {"foo\\r (no-eol) (esc)", "no-eol unescape <foo\\r>"},
      {"foo\\t* (esc) (glob)", "glob unescape <foo\\t*>"},
      {"foo (regex)", "equal <foo (regex)>"},
      {"foo (glob+)", "equal <foo (glob+)>"},
      {"foo (*)", "equal <foo (*)>"},
      {"foo (equal)", "equal <foo (equal)>"},
      {"foo\t(glob)", "equal <foo\t(glob)>"},
      {"int main ()", "equal <int main ()>"},
  };
  for (const Row& row : rows) CHECK_MESSAGE(show(row.text, Dialect::cram) == row.want, row.text);
  CHECK(show("foo (?)", Dialect::cram, Compat::cram) == "equal <foo (?)>");
  CHECK(show("foo (glob+)", Dialect::cram, Compat::scrut) == "glob+ <foo>");
}

TEST_CASE("expectation: equal and no-eol") {
  CHECK(matches("foo", "foo\n"));
  CHECK_FALSE(matches("foo", "foo"));
  CHECK_FALSE(matches("foo", "foo \n"));
  CHECK(matches("", "\n"));
  CHECK(matches("foo (equal)", "foo\n"));
  CHECK(matches("foo (no-eol)", "foo"));
  CHECK_FALSE(matches("foo (no-eol)", "foo\n"));
  CHECK(matches("\xff\x80", "\xff\x80\n"));
}

TEST_CASE("expectation: a line that is written as the expectation matches it, suffix and all") {
  for (const char* text : {"x (re)", "a(b (glob)", "x (?)", "x* (glob)", "a (no-eol)", "a\\tb (esc)"}) {
    CHECK_MESSAGE(matches(text, text + "\n"s), text);
    CHECK_MESSAGE(matches(text, text + "\n"s, cram), text);
    CHECK_MESSAGE(matches(text, text + "\n"s, like_cram), text);
  }
  CHECK(matches("x (glob+)", "x (glob+)\n"));
  CHECK_FALSE(matches("x (re)", "x (re)\n", like_scrut));
  CHECK_FALSE(matches("x (glob)", "x (glob)\n", like_scrut));
}

TEST_CASE("expectation: escapes") {
  CHECK(matches("a\\tb (escaped)", "a\tb\n"));
  CHECK(matches("a\\tb (escaped)", "a\tb"));  // as Scrut has it
  CHECK(matches("\\a\\b\\e\\f\\r\\t\\v\\\\\\x41\\033 (esc)", "\a\b\x1b\f\r\t\v\\A\x1b\n"));
  CHECK(matches("\\n\\q\\x4g\\08 (esc)", "\\n\\q\\x4g\\08\n"));
  CHECK(matches("\\\\t (esc)", "\\t\n"));
  CHECK(matches("\\xff\\x00 (esc)", "\xff\0\n"s));
  CHECK(matches("a\\r (no-eol) (escaped)", "a\r"));
  CHECK_FALSE(matches("a\\r (no-eol) (escaped)", "a\r\n"));
  CHECK(matches("a\\r (no-eol) (escaped)", "a\r\n", like_scrut));
  CHECK(problem("a\\ (esc)").find("lone backslash") != std::string::npos);
  // Cram's are Python's.
  CHECK(matches("a\\x41\\101\\\\\\'\\q (esc)", "aAA\\'\\q\n", cram));
  CHECK_FALSE(matches("a\\t (esc)", "a\t", cram));
  CHECK(matches("a\\t (no-eol) (esc)", "a\t", cram));
  CHECK(problem("\\x4 (esc)", Dialect::cram).find("hexadecimal") != std::string::npos);
  CHECK(problem("\\x4 (esc)", Dialect::cram, Compat::cram).empty());
}

TEST_CASE("expectation: globs") {
  CHECK(matches("a*c (glob)", "abbc\n"));
  CHECK(matches("a*c (glob)", "ac"));
  CHECK_FALSE(matches("a*c (glob)", "abcd\n"));
  CHECK(matches("a?c (glob)", "abc\n"));
  CHECK(matches("a?c (glob)", "a\xc3\xa9\x63\n"));
  CHECK_FALSE(matches("a??c (glob)", "a\xc3\xa9\x63\n"));
  CHECK(matches("a??c (glob)", "a\xff\xfe\x63\n"));
  CHECK(matches("* (glob)", "\n"));
  CHECK(matches("* (glob)", "\xff\xfe\n"));
  CHECK(matches("a\\*b (glob)", "a*b\n"));
  CHECK_FALSE(matches("a\\*b (glob)", "axb\n"));
  CHECK(matches("a\\?\\\\\\q (glob)", "a?\\\\q\n"));
  CHECK(problem("a\\ (glob)").find("lone backslash") != std::string::npos);
  CHECK(matches("a\\t*\\x41 (escaped) (glob)", "a\tbA\n"));
  // wildmatch knows no escapes, Scrut's Cram globs do.
  CHECK_FALSE(matches("a\\*b (glob)", "a*b\n", like_scrut));
  CHECK(matches("a\\*b (glob)", "a\\xb\n", like_scrut));
  CHECK(matches("a\\*b (glob)", "a*b\n", scrut_cram));
}

TEST_CASE("glob: segments against a plain reference") {
  // Any character of the alphabet, the slow and obvious way.
  std::function<bool(std::string_view, std::string_view)> slow = [&](std::string_view p, std::string_view t) {
    if (p.empty()) return t.empty();
    if (p[0] == '*') return slow(p.substr(1), t) || (!t.empty() && slow(p, t.substr(1)));
    return !t.empty() && (p[0] == '?' || p[0] == t[0]) && slow(p.substr(1), t.substr(1));
  };
  auto words = [](std::string_view letters, size_t most) {
    std::vector<std::string> all{""};
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].size() == most) break;
      for (char c : letters) all.push_back(all[i] + c);
    }
    return all;
  };
  size_t differences = 0;
  for (const std::string& pattern : words("ab?*", 5)) {
    const Glob glob = Glob::make(pattern, true).value();
    for (const std::string& text : words("ab", 5)) differences += glob.matches(text) != slow(pattern, text);
  }
  CHECK(differences == 0);
}

TEST_CASE("glob: long patterns need no long time") {
  std::string pattern, text(1 << 20, 'a');
  for (int i = 0; i < 500; ++i) pattern += "*a?b";
  CHECK_FALSE(Glob::make(pattern, true).value().matches(text));
  CHECK(Glob::make("*" + std::string(200, '?') + "*aaa", true).value().matches(text));
}

TEST_CASE("expectation: regular expressions") {
  CHECK(matches("a.c (re)", "abc\n"));
  CHECK(matches("a.c (re)", "abc"));
  CHECK_FALSE(matches("a.c (re)", "abcd\n"));
  CHECK_FALSE(matches("a|b (re)", "ax\n"));
  CHECK(matches("a|b (re)", "b\n"));
  CHECK(matches("a|b (re)", "ax\n", like_scrut));
  CHECK(matches("a|b (re)", "xb\n", like_scrut));
  CHECK(matches("a.c (re)", "a\xc3\xa9\x63\n"));
  CHECK(matches("a.c (re)", "a\xff\x63\n"));
  CHECK(matches(".* (re)", "\xff\0\xfe\r\n"s));
  CHECK(matches("\\xff.* (re)", "\xff\x80\n"));
  CHECK(matches("\xff+ (re)", "\xff\xff\n"));
  CHECK(matches("caf\xc3\xa9+ (re)", "caf\xc3\xa9\xc3\xa9\n"));
  CHECK(matches("[\xc3\xa9\xc3\xa8] (re)", "\xc3\xa8\n"));
  CHECK(matches("\\pL+ (re)", "\xc3\xa8z\n"));
  CHECK(matches("ab* (re)", "a\n"));
  CHECK(matches("ab{0} (re)", "a\n"));
  CHECK(matches("a\xc3\xa9? (re)", "a\n"));
  CHECK(matches("(?i)abc (re)", "ABC\n"));
  CHECK(problem("a(b (re)").find("invalid") != std::string::npos);
  CHECK(problem("a)|(?:b (re)").find("invalid") != std::string::npos);
  CHECK(problem("(?=a) (re)").find("invalid") != std::string::npos);
  CHECK(problem("a(b (re)", Dialect::cram, Compat::cram).empty());
}

TEST_CASE("expectation: Scrut's repairs of regular expressions") {
  CHECK(scrut_repaired("a\\/b\\ c\\d") == "a/b c\\d");
  CHECK(scrut_repaired("{a} x{2} x{2,3} x{2,}") == "\\{a\\} x{2} x{2,3} x\\{2,\\}");
  CHECK(scrut_repaired("[a[b] c]") == "[a\\[b] c\\]");
  CHECK(matches("{\"a\": \\d+} (re)", "{\"a\": 12}\n", like_scrut));
}

TEST_CASE("expectation: JSON") {
  CHECK(matches(R"({"a": 1, "b": [true, null]} (json))", "{\"b\":[true,null],\"a\":1.0}\n"));
  CHECK_FALSE(matches(R"({"a": 1} (json))", "{\"a\":2}\n"));
  CHECK_FALSE(matches(R"({"a": 1} (json))", "{\"a\":1,\"b\":1}\n"));
  CHECK_FALSE(matches(R"([1,2] (json))", "[2,1]\n"));
  CHECK_FALSE(matches("1 (json)", "\"1\"\n"));
  CHECK_FALSE(matches("1 (json)", "\n"));
  CHECK(matches("\"\\u00e9\" (json)", "\"\xc3\xa9\"\n"));
  CHECK(problem("{a} (json)").find("JSON is invalid") != std::string::npos);
  CHECK_FALSE(json_equal(Json(int64_t{-1}), Json(UINT64_MAX)));
  CHECK(json_equal(Json(uint64_t{7}), Json(int64_t{7})));
}

TEST_CASE("expectation: variables") {
  const Variables variables{{"A", "x.y*"}, {"A_B", "2"}, {"Q", "\"\\"}, {"E", ""}};
  const Setting with{Dialect::markdown, Compat::none, &variables};
  CHECK(matches("$A-${A_B}-$E-$$A-$NONE-${NONE}-$", "x.y*-2--$A-$NONE-${NONE}-$\n", with));
  CHECK_FALSE(matches("$A", "$A\n", with));
  CHECK(matches("$A", "$A\n"));
  CHECK(matches("$A.* (re)", "x.y*zz\n", with));
  CHECK_FALSE(matches("$A.* (re)", "xqy\n", with));
  CHECK(matches("$A* (glob)", "x.y*zz\n", with));
  CHECK_FALSE(matches("$A (glob)", "x.yzz\n", with));
  CHECK(matches("$Q\\t (esc)", "\"\\\t\n", with));
  CHECK(matches("$Q\\t* (esc) (glob)", "\"\\\tz\n", with));
  CHECK(matches("$Q (no-eol)", "\"\\", with));
  CHECK(matches("{\"k\": \"$Q\", \"n\": 1} (json)",
                R"({"n":1,"k":"\"\\"})"
                "\n",
                with));
  CHECK(matches("{\"k\": ${A_B}} (json)", "{\"k\":2}\n", with));
  CHECK(matches("$A (re)", "x.y* (re)\n", with));
  CHECK(problem("{\"k\": ${A_B}} (json)").empty());
  // Scrut puts values in as they are, and knows no underscore within braces.
  const Setting scrut{Dialect::markdown, Compat::scrut, &variables};
  CHECK(matches("$A (re)", "xqyy\n", scrut));
  CHECK(matches("${A_B}", "${A_B}\n", scrut));
}

TEST_CASE("expectation: captures") {
  auto made = LineMatcher::make(parse_expectation("(?P<id>[0-9]+)(?P<rest>x)? .* (re)", Dialect::markdown),
                                Dialect::markdown, Compat::none, nullptr);
  REQUIRE(made.ok());
  CHECK(made.value().captures("12 z\n") == Variables{{"id", "12"}});
  CHECK(made.value().captures("12x \xff\n") == Variables{{"id", "12"}, {"rest", "x"}});
  CHECK(made.value().captures("nothing\n").empty());
}

TEST_CASE("expectation: Cram's lines are as they are, or as Cram writes them") {
  CHECK(matches("a*b (glob)", "a\tb\n", cram));
  CHECK(matches("a\\\\t* (glob)", "a\tb\n", cram));
  CHECK(matches("a* (no-eol) (glob)", "ab", cram));
  CHECK_FALSE(matches("a? (glob)", "ab", cram));
  CHECK(matches("a? (glob)", "ab\n", cram));
  CHECK(matches("a\\\\xff.* (re)", "a\xff\n", cram));
  CHECK(matches("a\\\\t* (esc) (glob)", "a\tb\n", cram));
  CHECK(matches("\xc3\xa9", "\xc3\xa9\n", cram));
  // Only as Cram writes them.
  CHECK_FALSE(matches("a?b (glob)", "a\tb\n", like_cram));
  CHECK(matches("a?b (glob)", "axb\n", like_cram));
  CHECK(matches("a* (glob)", "ab", like_cram));
  CHECK(matches("a\\tb (esc)", "a\tb\n", like_cram));
  CHECK(matches("a\\x09b (esc)", "a\tb\n", like_cram));
  CHECK(matches("\xc3\xa9", "\xc3\xa9\n", like_cram));
  CHECK(matches("a|b (re)", "ax\n", like_cram));
  CHECK_FALSE(matches("a|b (re)", "b\n", like_cram));
  CHECK_FALSE(matches("a( (re)", "a\n", like_cram));
  CHECK(matches("a( (re)", "a( (re)\n", like_cram));
}

TEST_CASE("expectation_for: what is written matches the line, and not its neighbours") {
  const std::string lines[] = {"foo\n"s,
                               "foo"s,
                               "\n"s,
                               " a  \n"s,
                               "a\tb\n"s,
                               "a\tb"s,
                               "a\r\n"s,
                               "\xff\0\n"s,
                               "\\\n"s,
                               "\\\t\n"s,
                               "caf\xc3\xa9\n"s,
                               "caf\xc3\xa9"s,
                               "x (glob)\n"s,
                               "x (glob)"s,
                               "x* (glob)\n"s,
                               "x (?)\n"s,
                               "x (?)"s,
                               "x (no-eol)\n"s,
                               "x (no-eol)"s,
                               "x\t (no-eol)\n"s,
                               "x\t (no-eol)"s,
                               "x (esc)\n"s,
                               "x\\t (esc)\n"s,
                               "x (equal)\n"s,
                               "[1]\n"s,
                               "[1]"s,
                               "[a]\n"s,
                               "[]\n"s,
                               "```\n"s,
                               "   ````\n"s,
                               "~~~\n"s,
                               "```sh"s,
                               "$ ls\n"s,
                               "> x\n"s,
                               ">\n"s,
                               "> x"s,
                               "$\n"s,
                               "int main ()\n"s,
                               "x (escaped)\n"s,
                               "x (json)\n"s,
                               "\xe2\x80\x8b\n"s,
                               "\xef\xbf\xbf\n"s,
                               "x (re+)\n"s,
                               "# x\n"s,
                               "% x\n"s,
                               "x (glob) (?)\n"s};
  for (Dialect dialect : {Dialect::markdown, Dialect::cram}) {
    for (const std::string& line : lines) {
      for (bool behind : {false, true}) {
        const std::string text = expectation_for(line, dialect, behind);
        CAPTURE(text);
        CHECK(text.find('\n') == std::string::npos);
        CHECK(matches(text, line, {dialect}));
        const Expectation parsed = parse_expectation(text, dialect);
        CHECK_FALSE(parsed.optional);
        CHECK_FALSE(parsed.multi);
        for (const std::string& other : lines) {
          // Escaped text in Markdown is the line with and without its end; a named line matches itself.
          if (other == line || other == text + "\n") continue;
          if (parsed.rule == Rule::escaped && dialect == Dialect::markdown && other + "\n" == line) continue;
          CHECK_FALSE_MESSAGE(matches(text, other, {dialect}), other);
        }
        // Cram itself takes it.
        if (dialect == Dialect::cram) CHECK(matches(text, line, like_cram));
      }
    }
  }
}

TEST_CASE("expectation_for: as people would write it") {
  CHECK(expectation_for("foo\n", Dialect::markdown) == "foo");
  CHECK(expectation_for("foo", Dialect::markdown) == "foo (no-eol)");
  CHECK(expectation_for("a\tb\xc3\xa9\\\n", Dialect::markdown) == "a\\tb\xc3\xa9\\\\ (escaped)");
  CHECK(expectation_for("a\tb", Dialect::markdown) == "a\\tb (no-eol) (escaped)");
  CHECK(expectation_for("x (glob)\n", Dialect::markdown) == "x (glob) (equal)");
  CHECK(expectation_for("[1]\n", Dialect::markdown) == "[1] (equal)");
  CHECK(expectation_for("```\n", Dialect::markdown) == "\\x60`` (escaped)");
  CHECK(expectation_for("> x\n", Dialect::markdown) == "> x");
  CHECK(expectation_for("> x\n", Dialect::markdown, true) == "\\x3e x (escaped)");
  CHECK(expectation_for("caf\xc3\xa9\n", Dialect::cram) == "caf\\xc3\\xa9 (esc)");
  CHECK(expectation_for("a\r", Dialect::cram) == "a\\r (no-eol) (esc)");
  CHECK(expectation_for("$ x\n", Dialect::cram) == "\\x24 x (esc)");
  CHECK(expectation_for("x (glob)\n", Dialect::cram) == "x (glob) (esc)");
}

TEST_CASE("escapes: characters") {
  CHECK(first_character("\xf0\x9f\x98\x80").value == 0x1f600);
  CHECK(first_character("\xed\xa0\x80").value == invalid_byte + 0xed);
  CHECK(first_character("\xc0\x80").value == invalid_byte + 0xc0);
  CHECK(first_character("\xe2\x82").size == 1);
  CHECK(cram_rendering("a\\b\n") == "a\\b\n");
  CHECK(cram_rendering("a\\\x7f\n") == "a\\\\\\x7f (esc)\n");
  CHECK(cram_rendering("a\r") == "a\\r (no-eol) (esc)\n");
}
