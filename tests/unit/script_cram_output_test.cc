// What Cram writes into FILE.err and prints: expected bytes are those of Cram 0.7 as Debian has it.
#include "script/cram_output.h"

#include <doctest/doctest.h>

#include "script/python_regex.h"

using namespace testctr;
using namespace testctr::script;

TEST_CASE("Cram's output: a test as Cram rewrites it, and its difference") {
  const std::string source =
      "Title\n  $ printf \"a\\tb\\nfoo\"\n  a*b (glob)\n  bar\n  $ false\n  > true\n  $ false\nend";
  const std::string rewritten = cram_rewritten(source, {{"a\tb\nfoo", 0}, {"", 0}, {"", 1}});
  CHECK(rewritten ==
        "Title\n  $ printf \"a\\tb\\nfoo\"\n  a\\tb (esc)\n  foo (no-eol)\n  $ false\n  > true\n  $ false\n"
        "  [1]\nend\n");
  CHECK(cram_difference(source, rewritten, "a.t", "a.t.err") ==
        "--- a.t\n+++ a.t.err\n@@ -1,8 +1,9 @@\n Title\n   $ printf \"a\\tb\\nfoo\"\n-  a*b (glob)\n-  bar\n"
        "+  a\\tb (esc)\n+  foo (no-eol)\n   $ false\n   > true\n   $ false\n+  [1]\n end\n");
}

TEST_CASE("Cram's regular expressions are Python's") {
  CHECK(python_regex("a{,2}b{3}c{1,}{x}\\Z") == "a{0,2}b{3}c{1,}\\{x}\\z");
  CHECK(python_regex("[[:a]b[\\b]") == "[\\[:a]b[\\x08]");
  CHECK(python_regex("a+?b++") == "a+?b+");
  CHECK(python_regex("[]a](?P<n>x)\\.\\d") == "[\\]a](?P<n>x)\\.\\d");
  CHECK(python_regex("(?i)a(?i:b)") == "(?i)a(?i:b)");
  for (const char* bad :
       {"a(?i)b", "  (?im)b", "a**", "a++b", "\\pL", "\\Qa", "a\\", "[a", "*a", "\\x{41}", "\\z"})
    CHECK_MESSAGE(!python_regex(bad), bad);
}
