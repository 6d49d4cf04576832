// The table of commands.
#include "interpret/commands.h"

#include <algorithm>

namespace testctr::interpret {
namespace {

// Sorted by name.
constexpr CommandInfo table[] = {
    {.name = "capture",
     .usage = "VAR [stdout|stderr|ttyout] [PATTERN]",
     .summary = "set a variable to the last output, or to what a pattern (its first group) finds there",
     .least = 1,
     .most = 3,
     .pattern = true,
     .inner = false,
     .run = run_capture},
    {.name = "cat", .usage = "FILE...", .summary = "write files to stdout", .least = 1, .run = run_cat},
    {.name = "cd",
     .usage = "DIR",
     .summary = "change the working directory",
     .least = 1,
     .most = 1,
     .inner = false,
     .run = run_cd},
    {.name = "chmod",
     .usage = "MODE PATH...",
     .summary = "set the mode (octal) of files",
     .least = 2,
     .run = run_chmod},
    {.name = "cmp",
     .usage = "[-q] ACTUAL EXPECTED",
     .summary = "compare files, stdout, stderr or ttyout",
     .least = 2,
     .most = 3,
     .run = run_cmp},
    {.name = "cmpenv",
     .usage = "[-q] ACTUAL EXPECTED",
     .summary = "compare after expanding variables in both",
     .least = 2,
     .most = 3,
     .run = run_cmpenv},
    {.name = "cp",
     .usage = "SOURCE... TARGET",
     .summary = "copy files, stdout, stderr or ttyout to a file or directory",
     .least = 2,
     .run = run_cp},
    {.name = "defer",
     .usage = "COMMAND...",
     .summary = "carry a command out when the script ends, also when it fails; the last one first",
     .least = 1,
     .negatable = false,
     .inner = false},
    {.name = "echo", .usage = "WORD...", .summary = "write words to stdout", .run = run_echo},
    {.name = "env",
     .usage = "[-r] [NAME[=VALUE]]...",
     .summary = "set variables, or write them to stdout",
     .inner = false,
     .run = run_env},
    {.name = "exec",
     .usage = "PROGRAM ARGUMENT... [&|&NAME&]",
     .summary = "run a program; !N before it demands the exit status N",
     .least = 1,
     .background = true,
     .status = true,
     .run = run_exec},
    {.name = "exists",
     .usage = "[-readonly] [-exec] FILE...",
     .summary = "check that files exist (with `!`: that none does)",
     .least = 1,
     .run = run_exists},
    {.name = "grep",
     .usage = "[-count=N] [-q] PATTERN FILE",
     .summary = "find a pattern in a file",
     .least = 2,
     .most = 4,
     .pattern = true,
     .run = run_grep},
    {.name = "help",
     .usage = "[-v] [NAME...]",
     .summary = "write what commands and conditions there are to stdout",
     .inner = false,
     .run = run_help},
    {.name = "kill",
     .usage = "[-SIGNAL] [NAME]",
     .summary = "send a signal (KILL) to a command in the background, or to all of them",
     .most = 2,
     .run = run_kill},
    {.name = "mkdir",
     .usage = "DIR...",
     .summary = "make directories and those above them",
     .least = 1,
     .run = run_mkdir},
    {.name = "mv",
     .usage = "OLD NEW",
     .summary = "rename a file or directory",
     .least = 2,
     .most = 2,
     .run = run_mv},
    {.name = "replace",
     .usage = "[OLD NEW]... FILE",
     .summary = "replace strings in a file",
     .least = 1,
     .run = run_replace},
    {.name = "retry",
     .usage = "-timeout D COMMAND...",
     .summary = "carry a command out until it succeeds",
     .least = 3,
     .status = true},
    {.name = "rm",
     .usage = "PATH...",
     .summary = "remove files and whole directories",
     .least = 1,
     .run = run_rm},
    {.name = "skip",
     .usage = "[REASON]",
     .summary = "end the script; it counts as skipped",
     .most = 1,
     .negatable = false,
     .inner = false,
     .run = run_skip},
    {.name = "sleep",
     .usage = "DURATION [&|&NAME&]",
     .summary = "wait (1.5s, 300ms)",
     .least = 1,
     .most = 1,
     .background = true,
     .run = run_sleep},
    {.name = "status",
     .usage = "N|SIGNAME",
     .summary = "check the exit status of the last program, or the signal that it died of",
     .least = 1,
     .most = 1,
     .run = run_status},
    {.name = "stderr",
     .usage = "[-count=N] [-q] PATTERN",
     .summary = "find a pattern in the last command's stderr",
     .least = 1,
     .most = 3,
     .pattern = true,
     .run = run_stderr},
    {.name = "stdin",
     .usage = "FILE|stdout|stderr|ttyout",
     .summary = "what the next program reads",
     .least = 1,
     .most = 1,
     .inner = false,
     .run = run_stdin},
    {.name = "stdout",
     .usage = "[-count=N] [-q] PATTERN",
     .summary = "find a pattern in the last command's stdout",
     .least = 1,
     .most = 3,
     .pattern = true,
     .run = run_stdout},
    {.name = "stop",
     .usage = "[REASON]",
     .summary = "end the script; it passes",
     .most = 1,
     .negatable = false,
     .inner = false,
     .run = run_stop},
    {.name = "symlink",
     .usage = "PATH -> TARGET",
     .summary = "make a symbolic link",
     .least = 3,
     .most = 3,
     .run = run_symlink},
    {.name = "testctr",
     .usage = "start|enter|leave|stop|exec|port|endpoint|logs|wait|cp|rm ...",
     .summary = "containers beside this one, and the ways into them and back",
     .least = 1,
     .status = true,
     .run = run_testctr},
    {.name = "timeout",
     .usage = "D COMMAND...",
     .summary = "carry a command out within a time limit of its own",
     .least = 2,
     .status = true},
    {.name = "ttyin",
     .usage = "[-stdin] FILE|stdout|stderr|ttyout",
     .summary = "what is typed at a terminal of the next program's own",
     .least = 1,
     .most = 2,
     .inner = false,
     .run = run_ttyin},
    {.name = "ttyout",
     .usage = "[-count=N] [-q] PATTERN",
     .summary = "find a pattern in what the last program with a terminal printed there",
     .least = 1,
     .most = 3,
     .pattern = true,
     .run = run_ttyout},
    {.name = "unix2dos",
     .usage = "FILE...",
     .summary = "end lines in CR LF",
     .least = 1,
     .run = run_unix2dos},
    {.name = "unquote",
     .usage = "FILE...",
     .summary = "take one `>` from the beginning of each line of files",
     .least = 1,
     .negatable = false,
     .run = run_unquote},
    {.name = "wait",
     .usage = "[NAME]",
     .summary = "wait for a command in the background, or for all; their output is then the last one",
     .most = 1,
     .negatable = false,
     .run = run_wait},
    {.name = "waitfor",
     .usage = "[-timeout D] [!] file PATH | port N | stdout|stderr NAME PATTERN",
     .summary =
         "wait until a file is there, somebody listens, or a command in the background has written that",
     .least = 2,
     .most = 6,
     .pattern = true,
     .run = run_waitfor},
};

}  // namespace

Answer Answer::done(std::string reason, std::string expected, std::string actual) {
  Answer answer;
  answer.failure.reason = std::move(reason);
  answer.failure.expected = std::move(expected);
  answer.failure.actual = std::move(actual);
  return answer;
}

Answer Answer::failed(std::string reason, std::string expected, std::string actual) {
  Answer answer = done(std::move(reason), std::move(expected), std::move(actual));
  answer.kind = Kind::failed;
  return answer;
}

Answer Answer::failed(const Error& error) {
  Answer answer = failed(error.message());
  answer.failure.hint = error.hint();
  return answer;
}

Answer Answer::misuse(std::string reason, std::string hint) {
  Answer answer;
  answer.kind = Kind::misuse;
  answer.failure.reason = std::move(reason);
  answer.failure.hint = std::move(hint);
  return answer;
}

Answer Answer::judged_already() {
  Answer answer;
  answer.kind = Kind::judged;
  return answer;
}

std::span<const CommandInfo> all_commands() { return table; }

const CommandInfo* find_command(std::string_view name) {
  const auto* it =
      std::lower_bound(std::begin(table), std::end(table), name,
                       [](const CommandInfo& info, std::string_view wanted) { return info.name < wanted; });
  return it != std::end(table) && it->name == name ? it : nullptr;
}

}  // namespace testctr::interpret
