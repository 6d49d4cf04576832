// What is said of a script without running it, and what is not.
#include "interpret/lint.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace testctr;
using namespace testctr::interpret;

namespace {

/// "RULE LINE:COLUMN" of each warning, with blanks between them.
std::string warnings(const std::string& source, const LintOptions& options = {}) {
  auto script = script::parse("t.txt", source);
  INFO(source);
  REQUIRE(script.ok());
  std::string text;
  for (const Finding& finding : lint(script.value(), options)) {
    CHECK(finding.file == "t.txt");
    CHECK(!finding.message.empty());
    CHECK(!finding.hint.empty());
    text += fmt::format("{}{} {}:{}", text.empty() ? "" : " ", finding.rule, finding.line, finding.column);
  }
  return text;
}

std::string errors(const std::string& source) {
  auto script = script::parse("t.txt", source);
  REQUIRE(script.ok());
  std::string text;
  for (const Finding& finding : errors_in(script.value()))
    text += fmt::format("{}{} {}:{}", text.empty() ? "" : " ", finding.rule, finding.line, finding.column);
  return text;
}

}  // namespace

TEST_CASE("lint: rules are sorted, and each has its name once") {
  const auto rules = all_rules();
  CHECK(std::is_sorted(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; }));
  for (const Rule& rule : rules) CHECK(find_rule(rule.id) == &rule);
  CHECK(find_rule("nothing") == nullptr);
}

TEST_CASE("lint: errors have their rules") {
  CHECK(errors("nothing\n[nowhere] echo\nstdout '['\ncd a b\n") ==
        "unknown-command 1:1 unknown-condition 2:1 bad-pattern 3:1 arguments 4:1");
  CHECK(errors("-- a --\n") == "empty-script 0:0");
  CHECK(errors("exists a\n-- a --\n-- ./a --\n") == "duplicate-file 3:4");
  CHECK(errors("exists a\n-- a --\n-- $X/a --\n").empty());
}

TEST_CASE("lint: a script that is as it should be") {
  CHECK(warnings(R"(# all is well
env X=1
exec sh -c 'a | b > c && d; e $(f) `g` "h" *.txt ~/x'
stdout '^a$'
! stderr .
stdout -count=2 '^'
exec find . -name '*.txt' -exec rm {} ;
exec cat a.txt
cmp stdout want
exec server &
waitfor x
wait
stdout ready
)")
            .empty());
}

TEST_CASE("lint: assertions that cannot fail") {
  for (const std::string pattern : {"''", "'.*'", "'^'", "'$'", "a*", "'(x|)'", "-q ''"})
    CHECK(warnings("exec a\nstdout " + pattern + "\n").starts_with("cannot-fail 2:"));
  for (const std::string pattern : {".", "'^$'", "a", "-count=3 ''", "$X", "'\\B'", "'[' "})
    CHECK(warnings("exec a\nstdout " + pattern + "\n").empty());
  CHECK(warnings("exec a\n! stdout ''\n").empty());  // it fails, whatever happens
  CHECK(warnings("exec a\n? stdout x\n") == "cannot-fail 2:3");
  CHECK(warnings("exec a\n? exec b\n").empty());
  CHECK(warnings("exec a\ncmp x x\n") == "compared-with-itself 2:7");
  CHECK(warnings("exec a\ncmp -q $X $X\n") == "compared-with-itself 2:11");
  CHECK(warnings("exec a\ncmp x y\n").empty());
}

TEST_CASE("lint: files that are there anyhow") {
  CHECK(warnings("exists a\n-- a --\n") == "cannot-fail 1:1");
  CHECK(warnings("cd d\nexists a ../b\n-- d/a --\n-- b --\n") == "cannot-fail 2:1");
  for (const std::string before : {"rm a", "exec x", "mv a b", "cd $X", "[linux] cd d", "prog x"})
    CHECK(warnings(before + "\nexists a\n-- a --\n").empty());
  CHECK(warnings("! exists a\n-- a --\n").empty());
  CHECK(warnings("exists -readonly a\n-- a --\n").empty());
  CHECK(warnings("exists a b\n-- a --\n").empty());
}

TEST_CASE("lint: patterns that match nothing") {
  CHECK(warnings("exec a\n! stdout 'costs $5'\n") == "impossible-pattern 2:10");
  CHECK(warnings("exec a\n! stdout 'a^b'\n") == "impossible-pattern 2:10");
  for (const std::string pattern :
       {"'a$'", "'a$|b'", "'(a$)'", "'a$\\nb'", "'\\$5'", "'[$5]'", "'[a^]'", "'[]$5]'", "'\\Q$5\\E'",
        "'(?s)a$.b'", "'a$x*'", "'^a'", "'\\n^a'", "'$$'", "'(?-m)x$y'"})
    CHECK(warnings("exec a\n! stdout " + pattern + "\n").empty());
}

TEST_CASE("lint: output that nobody has made") {
  CHECK(warnings("stdout x\n") == "no-output 1:1");
  CHECK(warnings("env X=1\ncd d\n! stderr .\nstdout x\n") == "no-output 3:3");
  CHECK(warnings("cmp stdout a\nexists a\n-- a --\n") == "no-output 1:5 cannot-fail 2:1");
  CHECK(warnings("cp stdout a\n") == "no-output 1:4");
  CHECK(warnings("cp a stdout\n").empty());
  CHECK(warnings("exec a &\nstdout x\nwait\nstdout y\n") == "no-output 2:1");
  CHECK(warnings("[linux] exec a\nstdout x\n").empty());
  CHECK(warnings("[linux] exec a &\nstdout x\nwait\n") == "no-output 2:1");
  CHECK(warnings("env\nstdout x\n").empty());
  CHECK(warnings("prog\nstdout x\n").empty());
  CHECK(warnings("stdout x\n", {{}, {}, true, true}).empty());
}

TEST_CASE("lint: commands in the background that nobody waits for") {
  CHECK(warnings("exec a &\n") == "missing-wait 1:1");
  CHECK(warnings("exec a &\nwait\nexec b &\n") == "missing-wait 3:1");
  CHECK(warnings("? exec a &\n").empty());
  CHECK(warnings("exec a &\nwait\n").empty());
  CHECK(warnings("exec a &\n", {{}, {}, false, true}).empty());
}

TEST_CASE("lint: lines that never run") {
  CHECK(warnings("[linux] [!linux] exec a\n") == "never-runs 1:9");
  CHECK(warnings("[linux] [windows] exec a\n") == "never-runs 1:9");
  CHECK(warnings("[GOARCH:arm] [amd64] exec a\n") == "never-runs 1:14");
  CHECK(warnings("[!linux] [!windows] exec a\n").empty());
  CHECK(warnings("[linux] [!windows] [amd64] exec a\n").empty());
  CHECK(warnings("[exec:a] [exec:b] exec a\n").empty());
  CHECK(warnings("exec a\nstop\nexec b\nexec c\n") == "unreachable 3:1");
  CHECK(warnings("skip why\n\nexec b\n") == "unreachable 3:1");
  CHECK(warnings("[linux] skip\nexec b\n").empty());
}

TEST_CASE("lint: what only a shell would understand") {
  for (const std::string words : {"|", ">", ">>", "&&", "||", "2>&1", "2>/dev/null", ">/dev/null", "<"})
    CHECK(warnings("exec a " + words + " b\n") == "shell-operator 1:8");
  CHECK(warnings("exec a; b\n") == "shell-operator 1:6");
  CHECK(warnings("echo x > f\n") == "shell-operator 1:8");
  for (const std::string words : {"'|'", "-x", "'a;b'", ">=1.2", "a|b", "x=;"})
    CHECK(warnings("exec a " + words + "\n").empty());
  CHECK(warnings("exec sh -c \"echo x\"\n") == "shell-quotes 1:12");
  CHECK(warnings("env X=\"a b\"\n") == "shell-quotes 1:5");
  CHECK(warnings("exec a '\"x\"' 5\"\n").empty());
  CHECK(warnings("exec a $(b)\n") == "shell-substitution 1:8");
  CHECK(warnings("exec a `b`\n") == "shell-substitution 1:8");
  CHECK(warnings("exec cat ~/x\n") == "shell-home 1:10");
  CHECK(warnings("exec cat ~x a~\n").empty());
  CHECK(warnings("rm *.txt\n") == "shell-glob 1:4");
  CHECK(warnings("exec cat d/*.txt\n") == "shell-glob 1:10");
  CHECK(warnings("exec cat '*.txt' ./...\n").empty());
  CHECK(warnings("exec expr 2 * 3\n").empty());
}

TEST_CASE("lint: files that nothing names") {
  CHECK(warnings("exec a\n-- left.txt --\nx\n") == "unused-file 2:4");
  for (const std::string line :
       {"exec cat left.txt", "exec cat left", "exec cat d/e", "exec cat e", "exec ls .", "exec make",
        "exec cat $X", "exec cat $X.txt", "exec sh -c 'cat *'", "exec cat $WORK"})
    CHECK(warnings(line + "\n-- d/e/left.txt --\nx\n").empty());
  CHECK(warnings("exec a\n-- .left --\n-- Makefile --\n").empty());
  CHECK(warnings("exec a list\n-- list --\nleft.txt\n-- left.txt --\n").empty());
  CHECK(warnings("exec a\n-- left.txt --\nx\n", {{}, {}, false, true}).empty());
}

TEST_CASE("lint: comments leave warnings out") {
  CHECK(warnings("exec cat ~/x  # check:ignore shell-home\nexec cat ~/y\n") == "shell-home 2:10");
  CHECK(warnings("  # check:ignore shell-home, shell-glob\nexec cat ~/x\nrm *.a\n").empty());
  CHECK(warnings("exec a\n # check:ignore unused-file\n-- left.txt --\n").empty());
  CHECK(warnings("exec a # check:ignore nothing\n") == "unknown-rule 1:8");
  CHECK(warnings("exec a # check:ignore syntax\n") == "unknown-rule 1:8");
  CHECK(warnings("exec cat ~/x 'a # check:ignore shell-home'\n") == "shell-home 1:10");
}
