// Processes: limits, ends, what is left behind, what a program is given. Each script runs in a process of its
// own on this machine.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "base/sys.h"
#include "interpret/process_table.h"
#include "interpret_host.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

double seconds_of(const std::function<void()>& work) {
  auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void short_limit(Setting& setting) { setting.case_timeout_ns = 300'000'000; }

/// Whether the process in `file` (a pid as text) lives.
bool lives(const std::string& file) {
  auto text = sys::read_file(file, 64);
  if (!text.ok() || text.value().empty()) return true;  // not written: the test is wrong
  auto stat = sys::read_file("/proc/" + std::to_string(std::stoi(text.value())) + "/stat", 4096);
  if (!stat.ok()) return false;
  auto process = parse_stat(stat.value());
  return process && process->state != 'Z';
}

}  // namespace

TEST_CASE("process: a time limit kills the whole tree, however it tried to escape") {
  ScratchDirectory scratch;
  HostRun run;
  std::string source = fmt::format(
      "exec true\n? exec sh -c 'echo before; setsid sh -c \"echo \\$\\$ >{0}/pid; exec sleep 60\" & setsid "
      "-f sleep 61; sleep 62'\nexec true\n",
      scratch.path);
  double spent = seconds_of([&] { run = run_on_host(source, short_limit); });
  CHECK(run.lines() == std::vector<uint32_t>{2});
  CHECK(run.reasons().find("sh took longer than the limit of 300ms and was killed, with ") == 0);
  CHECK(run.texts(Event::Kind::output) == "before\n\n");
  CHECK_FALSE(lives(scratch.path + "/pid"));
  CHECK(spent < 3);
}

TEST_CASE("process: sleep and wait have the limit too") {
  CHECK(run_on_host("sleep 5s\n", short_limit).reasons() ==
        "sleep took longer than the limit of 300ms and was killed");
  HostRun run = run_on_host("exec sleep 5 &\nwait\n", short_limit);
  CHECK(run.lines() == std::vector<uint32_t>{1});
  CHECK(run.reasons().find("exec sleep 5 took longer") == 0);
}

TEST_CASE("process: a program that writes without end is stopped") {
  HostRun run = run_on_host("! exec sh -c 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done'\n",
                            [](Setting& s) { s.max_output = 1 << 20; });
  CHECK(run.reasons() == "the command wrote more than 1.0 MiB to stdout and was killed");
  run = run_on_host("exec sh -c 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy >&2; done' &\nsleep 20s\n",
                    [](Setting& s) { s.max_output = 1 << 20; });
  CHECK(run.reasons().find("to stderr and was killed") != std::string::npos);
}

TEST_CASE("process: a grandchild that holds the pipe does not hold the script") {
  HostRun run;
  double spent = seconds_of([&] { run = run_on_host("exec sh -c 'sleep 30 & echo hi'\nstdout ^hi$\n"); });
  CHECK(run.passed());
  CHECK(spent < 5);
  CHECK(run.texts(Event::Kind::note).find("still holds its output") != std::string::npos);
  CHECK(run.texts(Event::Kind::log).find("left behind by the script and killed: sleep (process ") == 0);
}

TEST_CASE("process: what is left behind is killed and named, also when it hides") {
  ScratchDirectory scratch;
  HostRun run = run_on_host(fmt::format(
      "exec sh -c 'setsid -f sh -c \"echo \\$\\$ >{}/pid; exec sleep 40\" >/dev/null 2>&1; sleep 0.2'\n",
      scratch.path));
  CHECK(run.passed());
  CHECK(run.texts(Event::Kind::log).find("sleep (process ") != std::string::npos);
  CHECK_FALSE(lives(scratch.path + "/pid"));
}

TEST_CASE("process: background commands at the script's end are stopped and reported") {
  HostRun run = run_on_host("exec sleep 50 &\n? exec sleep 51 &\necho x\n");
  CHECK(run.passed());
  CHECK(run.texts(Event::Kind::log) ==
        "still running at the end of the script and stopped: exec sleep 50 (line 1)\n");
  run = run_on_host(
      "exec sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done' &\nsleep 200ms\nexec false\n");
  CHECK(run.lines() == std::vector<uint32_t>{3});
  CHECK(run.texts(Event::Kind::output).find("ready\n") != std::string::npos);
}

TEST_CASE("process: output buffers across background commands") {
  CHECK(run_on_host("echo x\nexec true &\n! stdout .\nwait\n! stdout .\n").passed());
  CHECK(run_on_host("exec sh -c 'sleep 0.2; echo one; echo e1 >&2' &\nexec echo two &\nwait\nstdout "
                    "'^one\\ntwo\\n'\nstderr ^e1$\n")
            .passed());
  CHECK(run_on_host("echo kept\nenv A=b\nmkdir d\ncd d\nsleep 1ms\nstdout ^kept$\n").passed());
  CHECK(run_on_host("sleep 100ms &\nwait\n").passed());
}

TEST_CASE("process: a request to stop ends everything at once") {
  HostRun run;
  double spent = seconds_of([&] {
    run = run_on_host("exec sleep 60\n", [](Setting& setting) {
      int ends[2];
      if (::pipe(ends) != 0) return;
      setting.cancel_fd = ends[0];
      if (::fork() == 0) {
        ::usleep(200'000);
        (void)!::write(ends[1], "x", 1);
        ::_exit(0);
      }
    });
  });
  CHECK(run.end.outcome == Outcome::not_run);
  CHECK(run.end.reason == "interrupted");
  CHECK(spent < 3);
}

TEST_CASE("process: what a program is given") {
  CHECK(run_on_host("exec sh -c 'ls /proc/self/fd | wc -l'\nstdout ^4$\n").passed());  // 0 to 2, and ls's own
  CHECK(run_on_host("exec cat\n! stdout .\n").passed());
  CHECK(run_on_host("exec sh -c 'test \"$(ps -o sid= -p $$)\" -eq $$'\n").passed());
  CHECK(run_on_host("env\n! stdout ^USER=\nstdout ^PWD=\nexec env\nstdout ^LANG=C.UTF-8$\n").passed());
  CHECK(run_on_host("exec sh -c umask\nstdout ^0022$\n", [](Setting&) { (void)::umask(077); }).passed());
  HostRun run =
      run_on_host("exec sh -c 'kill -s PIPE $$'\n", [](Setting&) { (void)::signal(SIGPIPE, SIG_IGN); });
  CHECK(run.reasons() == "signal: broken pipe (SIGPIPE)");
  CHECK(run_on_host("exec sh -c 'grep SigBlk /proc/self/status'\nstdout '\\t0+$'\n").passed());
}

TEST_CASE("process: programs are found by the script's PATH, and reasons are clear") {
  const char* files =
      "-- bin/tool --\n#!/bin/sh\necho tool\n-- bad --\n#!/no/such/interpreter\n-- crlf --\n#!/bin/sh\r\n-- "
      "text --\nhello\n";
  auto with = [&](const char* lines) { return run_on_host(std::string(lines) + files); };
  CHECK(with("chmod 755 bin/tool\nenv PATH=$WORK/bin\nexec tool\nstdout tool\n[exec:tool] echo yes\nstdout "
             "yes\n[!exec:sh] echo no\nstdout no\n")
            .passed());
  CHECK(with("chmod 755 bin/tool\ncd bin\nenv PATH=\nexec ./tool\n").passed());
  CHECK(with("chmod 755 bin/tool\ncd bin\nenv PATH=:/nowhere\nexec tool\n").passed());
  CHECK(with("env PATH=\nexec tool\n").reasons() == "tool: not found: $PATH is empty");
  CHECK(with("env PATH=bin\nexec tool\n").reasons() ==
        "tool: not found in $PATH as a program: bin/tool is not executable");
  CHECK(with("chmod 755 bad\nexec ./bad\n").reasons() ==
        "./bad: bad interpreter /no/such/interpreter (missing)");
  CHECK(with("chmod 755 crlf\nexec ./crlf\n").failure().hint.find("carriage return") != std::string::npos);
  CHECK(with("chmod 755 text\nexec ./text\n").reasons() == "./text: not a program, and without a `#!` line");
  CHECK(with("mkdir d\ncd d\nexec rmdir $WORK/d\nexec true\n").reasons() ==
        "the working directory $WORK/d is gone");
}

TEST_CASE("process: hints for what the language does not have") {
  CHECK(run_on_host("exec cat nothing | sort\n").failure().hint.find("`|` is an ordinary argument") == 0);
  CHECK(run_on_host("exec ls \"a b\"\n").failure().hint.find("double quotes are ordinary bytes") == 0);
  CHECK(run_on_host("exec sh -c 'echo x >&2'\nstdout x\n").failure().hint ==
        "stderr has a match: use `stderr`");
}

TEST_CASE("process: programs that are commands") {
  CHECK(run_on_host("printf %s hello\nstdout ^hello$\n! false\n! false &\nwait\n", [](Setting& s) {
          s.programs = {"printf", "false"};
        }).lines() == std::vector<uint32_t>{});
  CHECK(run_on_host("nope x\n", [](Setting& s) { s.programs = {"nope"}; })
            .reasons()
            .find("nope: not found in $PATH") == 0);
}

TEST_CASE("process: refusals of the filter are told, and hinted at in a failure") {
  HostRun run = run_on_host("exec true\nexec false\n", [](Setting& s) {
    s.at_line = [](uint32_t) {};
    s.take_denials = [n = 0]() mutable {
      return n++ == 1 ? std::vector<Denial>{{2, "false", "mount", 3}} : std::vector<Denial>{};
    };
  });
  CHECK(run.failure().hint == "the sandbox refused `mount` of false");
  bool told = false;
  for (const Event& event : run.events)
    told = told || (event.kind == Event::Kind::denied && event.denial == Denial{2, "false", "mount", 3});
  CHECK(told);
}

TEST_CASE("process: ETXTBSY is waited out") {
  // A program that another process still holds open for writing for a moment.
  HostRun run = run_on_host(
      "cp /bin/true tool\nexec sh -c 'exec 9>>tool; (sleep 0.4; exec 9>&-) >/dev/null 2>&1 &'\nexec "
      "./tool\n");
  CHECK(run.reasons() == "");
}

TEST_CASE("process: a large output stays out of memory and can be matched") {
  HostRun run = run_on_host(
      "exec sh -c 'head -c 20000000 /dev/zero | tr \"\\0\" x; echo; echo the end'\nstdout '^the "
      "end$'\nstdout -count=2 '^.'\ncp stdout f\ncmp stdout f\n");
  CHECK(run.passed());
  CHECK(run.texts(Event::Kind::note).find("bytes of stdout are not shown") != std::string::npos);
}

TEST_CASE("process table: names of every kind") {
  auto process = parse_stat("12 (a) b) (c) S 7 12 12 0 -1 4194560\n");
  REQUIRE(process.has_value());
  CHECK(process->pid == 12);
  CHECK(process->name == "a) b) (c");
  CHECK(process->state == 'S');
  CHECK(process->parent == 7);
  for (const char* bad : {"", "12", "12 (a", "12 a) S 7", ") (", "x (a) S 7 1", "12 (a) S", "12 (a) S x 1"})
    CHECK_FALSE(parse_stat(bad).has_value());
}
