// Whole scripts on this machine: what passes, what fails, at which line and why.
#include <doctest/doctest.h>

#include "interpret_host.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

/// "pass", or "LINE: reason" of the failures.
std::string result_of(const std::string& source) {
  HostRun run = run_on_host(source);
  if (!run.error.empty()) return "error " + run.error;
  if (run.end.outcome == Outcome::skip) return "skip " + run.end.reason;
  if (run.passed()) return "pass";
  std::string text;
  for (const Event& event : run.events) {
    if (event.kind == Event::Kind::failure)
      text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", event.line, event.failure.reason);
  }
  return text.empty() ? std::string(to_string(run.end.outcome)) : text;
}

}  // namespace

TEST_CASE("interpret: a script of the whole language passes") {
  HostRun run = run_on_host(R"(# set up
env X=hello Y='a b'
echo $X world
stdout '^hello world$'
! stdout goodbye
! stderr .
exec sh -c 'echo out; echo err >&2'
stdout out
stderr err
cp stdout copy.txt
cmp copy.txt want.txt
cmp stdout want.txt
! exec sh -c 'exit 3'
? exec false
exists want.txt d/sub
! exists nope
mkdir new/deep
cd new/deep
exec pwd
stdout $WORK/new/deep$
cd $WORK
cat want.txt d/sub
stdout -count=2 '^.'
grep -count=1 out want.txt
grep 'a\.b' d/sub
env Z=a.b
grep ^$Z$ d/sub
chmod 755 d/sub
exists -exec d/sub
mv d/sub moved
! exists d/sub
symlink link -> want.txt
cmp link copy.txt
replace out in want.txt
grep ^in$ want.txt
rm d new copy.txt
! exists d
sleep 10ms
exec sh -c 'echo one' &
exec sh -c 'echo two' &
! exec false &
wait
stdout one\ntwo
env X
stdout ^X=hello$
[linux] echo linux
[!linux] skip
[exec:sh] [!exec:no-such-program] echo yes
stdout yes
cmpenv stdout env.txt
stop done
exec false
-- want.txt --
out
-- d/sub --
a.b
-- env.txt --
${NONE}yes
)");
  CHECK(run.reasons() == "");
  CHECK(run.passed());
  CHECK(run.end.reason == "done");
  CHECK(run.end.state.directory == work_token);
  CHECK(run.end.state.phase == "set up");
}

TEST_CASE("interpret: failures name their line and why") {
  struct Row {
    const char* source;
    const char* want;
  };
  const Row rows[] = {
      {"exec true\nexec false\n", "2: exit status 1"},
      {"exec sh -c 'exit 7'\n", "1: exit status 7"},
      {"exec sh -c 'kill -9 $$'\n", "1: signal: killed (SIGKILL)"},
      {"! exec true\n", "1: unexpected success"},
      {"! exec sh -c 'kill -9 $$'\n", "pass"},
      {"echo a\nstdout b\n", "2: no match for `b` in stdout"},
      {"echo a\n! stdout a\n", "2: unexpected match for `a` in stdout"},
      {"echo a\nstdout -count=2 a\n", "2: found 1 matches of `a` in stdout, not 2"},
      {"exists x\n", "1: x does not exist"},
      {"! exists x y\n-- x --\n", "1: x exists"},
      {"! exists y x\n-- x --\n", "1: x exists"},
      {"cmp a b\n-- a --\n1\n-- b --\n2\n", "1: a and b differ"},
      {"! cmp a b\n-- a --\n1\n-- b --\n1\n", "1: a and b do not differ"},
      {"skip\n", "skip "},
      {"skip 'not here'\nexec false\n", "skip not here"},
      {"[windows] exec false\n", "pass"},
      {"? exec false\n? exec true\n", "pass"},
      {"exec false &\nwait\n", "1: exit status 1 (in the background; seen in line 2)"},
      {"! exec true &\nwait\n", "1: unexpected success"},
      {"exec true &\nexec false &\n! exec true &\nwait\n",
       "2: exit status 1 (in the background; seen in line 4)\n3: unexpected success"},
      {"exec false &\nsleep 200ms\n", "1: exit status 1 (in the background; seen at the end of the script)"},
      {"? exec false &\nsleep 200ms\n", "pass"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.source);
    CHECK(result_of(row.source) == row.want);
  }
}

TEST_CASE("interpret: misuse is an error, with `!` and `?` too") {
  struct Row {
    const char* line;
    const char* want;
  };
  const Row rows[] = {
      {"exec no-such-program", "1: no-such-program: not found in $PATH (/usr/bin:/bin)"},
      {"exec ./nope", "1: ./nope: not found"},
      {"exec ./data", "1: ./data: not executable"},
      {"exec .", "1: .: not found in $PATH (/usr/bin:/bin)"},
      {"exec ./", "1: ./: is a directory"},
      {"grep x nope", "1: nope: no such file"},
      {"grep x .", "1: .: is a directory"},
      {"cmp nope data", "1: nope: no such file"},
      {"cmp data nope", "1: nope: no such file"},
      {"cmp data data", "1: data is compared with itself"},
      {"stdout $BAD'('", "1: bad regular expression \"(\": missing ): (?m)("},
      {"chmod 888$E data", "1: invalid mode \"888\""},
      {"chmod u+x$E data", "1: invalid mode \"u+x\""},
      {"sleep 5$E", "1: \"5\" is not a duration"},
      {"exists $E-exec", "1: usage: exists [-readonly] [-exec] FILE..."},
      {"symlink a b$E c", "1: usage: symlink PATH -> TARGET"},
      {"replace $E'\\q' x data", "1: an unknown escape in \"\\\\q\""},
      {"echo ${NOPE?}", "1: the variable NOPE is not set"},
      {"env $E=x", "1: a variable without a name"},
      {"help nope$E", "1: no command is called \"nope\""},
      {"stdout $E-count=0 x", "1: bad -count=0"},
  };
  for (const Row& row : rows) {
    for (const char* prefix : {"", "! ", "? "}) {
      std::string source = fmt::format("{}{}\n-- data --\nx\n", prefix, row.line);
      CAPTURE(source);
      CHECK(result_of(source) == row.want);
    }
  }
}

TEST_CASE("interpret: what can be said before the script runs") {
  struct Row {
    const char* source;
    const char* want;
  };
  const Row rows[] = {
      {"exec true\nexecute x\n",
       "error t.txt:2:1: unknown command \"execute\" | a program is run with `exec execute`; `help` lists "
       "the commands"},
      {"stdot x\n", "error t.txt:1:1: unknown command \"stdot\" | did you mean `stdout`?"},
      {"!exists x\n", "error t.txt:1:1: unknown command \"!exists\" | did you mean `! exists`?"},
      {"[windows] nope\n",
       "error t.txt:1:11: unknown command \"nope\" | a program is run with `exec nope`; `help` lists the "
       "commands"},
      {"  [linuz] exec x\n", "error t.txt:1:3: unknown condition [linuz] | did you mean [linux]?"},
      {"[windows] [nope] exec x\n",
       "error t.txt:1:11: unknown condition [nope] | `help` lists the conditions; --cond NAME=true gives "
       "another one"},
      {"[exec] exec x\n", "error t.txt:1:1: the condition [exec] wants a value | write [exec:VALUE]"},
      {"[root:x] exec x\n", "error t.txt:1:1: the condition [root] takes no value"},
      {"[GOOS:linuks] exec x\n", "error t.txt:1:1: unknown value \"linuks\" in the condition [GOOS:linuks]"},
      {"! stop\n", "error t.txt:1:3: `!` and `?` have no meaning before stop"},
      {"? wait\n", "error t.txt:1:3: `!` and `?` have no meaning before wait"},
      {"echo a &\n",
       "error t.txt:1:1: echo cannot be run in the background | a literal & is written in quotes: '&'"},
      {"cd\n", "error t.txt:1:1: cd takes 1 arguments, not 0 | usage: cd DIR"},
      {"! exists\n",
       "error t.txt:1:3: exists takes at least 1 arguments, not 0 | usage: exists [-readonly] [-exec] "
       "FILE..."},
      {"wait x y\n", "error t.txt:1:1: wait takes 0 to 1 arguments, not 2 | usage: wait [NAME]"},
      {"! stdout '['\n",
       "error t.txt:1:3: bad regular expression \"[\": missing ]: [ | the syntax is RE2's; a literal text "
       "can be written \\Qlike this\\E"},
      {"testctr leave now\n", "error t.txt:1:1: testctr leave takes no words"},
      {"stop\n-- $A/x --\n",
       "error t.txt:2:4: the file \"/x\" has an absolute name | names of files are relative to $WORK"},
      {"stop\n-- x --\n-- ./x --\n",
       "error t.txt:3:4: the file \"x\" is in line 2 already | each file of a script has a name of its own"},
      {"stop\n-- x --\n-- x/y --\n",
       "error t.txt:3:4: the file \"x/y\" cannot be written: another file or directory of the script is in "
       "its way"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.source);
    CHECK(result_of(row.source) == row.want);
  }
}

TEST_CASE("interpret: a failed match shows the bytes as they came, also those that are no UTF-8") {
  const char* print = "exec printf 'one\\ntw\\377\\376o x\\nthr\\200ee x\\nfour'\n";
  const std::string all =
      "one\ntw\xff\xfeo x\nthr\x80"
      "ee x\nfour";
  CHECK(run_on_host(std::string(print) + "stdout five").failure().actual == all);
  CHECK(run_on_host(std::string(print) + "stdout -count=7 x").failure().actual == all);
  CHECK(run_on_host(std::string(print) + "! stdout x").failure().actual == "tw\xff\xfeo x");
  CHECK(run_on_host(std::string(print) + "! stdout '(?s)x.*thr.e'").failure().actual ==
        "tw\xff\xfeo x\nthr\x80"
        "ee x");
  CHECK(run_on_host(std::string(print) + "! stdout four").failure().actual == "four");
  CHECK(run_on_host(std::string(print) + "stdout thr.ee")
            .texts(Event::Kind::note)
            .find("matched: thr\x80"
                  "ee x") != std::string::npos);
}
