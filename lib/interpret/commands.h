// The commands of the language: their table, and how each answers. What an answer means for the script (`!`,
// `?`) is decided elsewhere.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/session.h"

namespace testctr::interpret {

struct Answer {
  enum class Kind : uint8_t {
    done,       ///< it succeeded
    failed,     ///< it ran and reported failure: what `!` wants
    misuse,     ///< it could not do what it is for: an error, `!` or not
    deferred,   ///< it goes on in the background: judged when it is waited for
    judged,     ///< failures were told already, each at its own line
    stop,       ///< the script ends here and passes
    skip,       ///< the script ends here and counts as skipped
    cancelled,  ///< the run is to stop
  };
  Kind kind = Kind::done;
  bool final = false;  ///< no `!` and no `?` is content with it
  bool late = false;   ///< it took longer than it may, and was killed
  /// Of `failed` and `misuse`: why. Of `done`: what is said when failure was wanted.
  Failure failure;
  std::optional<int> code;  ///< of a program that has ended by itself: its exit status
  std::string text;         ///< of `stop` and `skip`

  static Answer done() { return {}; }
  /// Success, and what it means where failure was wanted.
  static Answer done(std::string reason, std::string expected, std::string actual);
  static Answer failed(std::string reason, std::string expected = {}, std::string actual = {});
  static Answer failed(const Error& error);
  static Answer misuse(std::string reason, std::string hint = {});
  static Answer judged_already();
  static Answer misuse(const Error& error) { return misuse(error.message(), error.hint()); }
};

using Arguments = std::vector<std::string>;

struct CommandInfo {
  std::string_view name;
  std::string_view usage = {};    ///< its arguments
  std::string_view summary = {};  ///< one line
  size_t least = 0, most = 0;     ///< number of arguments, flags included; most 0: any
  bool background = false;        ///< may be followed by `&`
  bool negatable = true;          ///< `!` and `?` have a meaning before it
  bool pattern = false;           ///< one of its arguments is a regular expression
  bool status = false;            ///< it has an exit status: `!N` has a meaning before it
  bool inner = true;              ///< `defer`, `retry` and `timeout` can carry it out
  /// Null: it is one of these three.
  Answer (*run)(Session&, const Arguments&) = nullptr;
};

/// All commands of our own language, by name.
std::span<const CommandInfo> all_commands();
/// Nothing when there is none of that name.
const CommandInfo* find_command(std::string_view name);

/// The mode that chmod is given: octal, at most 777.
std::optional<unsigned> parse_mode(std::string_view digits);

// commands_process.cc
Answer run_exec(Session& session, const Arguments& arguments);
Answer run_sleep(Session& session, const Arguments& arguments);
Answer run_wait(Session& session, const Arguments& arguments);
/// When a command that begins now takes too long, monotonic.
uint64_t deadline_of(const Session& session);
/// The answer of a command whose wait ended before what it waited for: everything is killed. @param job the
/// program that it waited for; may be null
Answer judge_pause(Session& session, Pause pause, Job* job, std::string_view what);
/// A program as a command: `name` and its arguments.
Answer run_program(Session& session, const std::string& name, const Arguments& arguments);

/// The answer for a name of the background that is taken; nothing when it is free, or there is none.
std::optional<Answer> refuse_taken_name(const Session& session);
/// The command of that name in the background, or the end of the list.
std::list<Background>::iterator find_background(Session& session, std::string_view name);
/// What the end of a program in the background answers. A signal that the script sent it is no failure.
Answer answer_of(const Background& background);

// commands_background.cc
Answer run_kill(Session& session, const Arguments& arguments);
Answer run_waitfor(Session& session, const Arguments& arguments);
/// SIGTERM for "SIGTERM" or "TERM"; nothing when no signal is called so.
std::optional<int> signal_named(std::string_view name);
/// "SIGTERM", or its number.
std::string name_of_signal(int signal);
/// What `waitfor` waits for.
struct Readiness {
  enum class Kind : uint8_t { file, port, output };
  Kind kind = Kind::file;
  bool gone = false;                  ///< until it is not so any more
  std::optional<int64_t> timeout_ns;  ///< nothing: as long as a command may take
  std::string what;                   ///< path, or the name of the background command
  uint16_t port = 0;
  bool error_output = false;  ///< stderr, not stdout
  std::string expression;
};
/// @param words the arguments of `waitfor`. Errors (usage): what is wrong with them
Result<Readiness> parse_readiness(std::span<const std::string> words);

// commands_output.cc
Answer run_capture(Session& session, const Arguments& arguments);
Answer run_status(Session& session, const Arguments& arguments);
Answer run_stdin(Session& session, const Arguments& arguments);
Answer run_ttyin(Session& session, const Arguments& arguments);
Answer run_unix2dos(Session& session, const Arguments& arguments);
/// Errors (usage): no variable that `capture` could set is called so.
Status check_capture_name(std::string_view name);
/// What `status` asks for: a number, or a signal's. Errors (usage): it is neither.
struct WantedStatus {
  int number = 0;
  bool signal = false;
};
Result<WantedStatus> parse_status(std::string_view word);
/// A text as the next program's stdin. Errors: it cannot be kept
Status set_next_input(Session& session, OutputBuffer& content);
/// A text as what is typed at the next program's terminal.
Status set_next_typed(Session& session, OutputBuffer& content, bool is_stdin);
/// `text` with each line's end as CR LF, the last one too. @param longest the length of a line beyond which
/// that is refused. @return nothing when a line is longer
std::optional<std::string> with_dos_lines(std::string_view text, size_t longest = SIZE_MAX);

// commands_match.cc
Answer run_ttyout(Session& session, const Arguments& arguments);
Answer run_stdout(Session& session, const Arguments& arguments);
Answer run_stderr(Session& session, const Arguments& arguments);
Answer run_grep(Session& session, const Arguments& arguments);
Answer run_cmp(Session& session, const Arguments& arguments);
Answer run_cmpenv(Session& session, const Arguments& arguments);

// commands_files.cc
Answer run_cat(Session& session, const Arguments& arguments);
Answer run_chmod(Session& session, const Arguments& arguments);
Answer run_cp(Session& session, const Arguments& arguments);
Answer run_exists(Session& session, const Arguments& arguments);
Answer run_mkdir(Session& session, const Arguments& arguments);
Answer run_mv(Session& session, const Arguments& arguments);
Answer run_replace(Session& session, const Arguments& arguments);
Answer run_rm(Session& session, const Arguments& arguments);
Answer run_symlink(Session& session, const Arguments& arguments);
/// mkdir -p. @param path absolute. Errors: with the errno of a system call
Status make_script_directories(const Session& session, const std::string& path);
/// Writes a file as `cp` does. Errors (usage): it cannot be.
Status write_script_file(const Session& session, const std::string& name, mode_t mode,
                         std::string_view content);

// commands_unquote.cc
Answer run_unquote(Session& session, const Arguments& arguments);

// commands_script.cc
Answer run_cd(Session& session, const Arguments& arguments);
Answer run_echo(Session& session, const Arguments& arguments);
Answer run_env(Session& session, const Arguments& arguments);
Answer run_help(Session& session, const Arguments& arguments);
Answer run_skip(Session& session, const Arguments& arguments);
Answer run_stop(Session& session, const Arguments& arguments);

// commands_testctr.cc
Answer run_testctr(Session& session, const Arguments& arguments);
/// Whether a container of that name runs (is ready). Errors: nobody can be asked.
Result<bool> container_is(Session& session, Request::Kind kind, std::string name);

}  // namespace testctr::interpret
