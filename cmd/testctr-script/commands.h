// The subcommands as data: each cmd_X.cc describes its commands in tables and registers them here; main.cc
// picks one, hands only that one's options to CLI11 (parse.cc is the single file that includes it) and calls
// `run`. To add a command, add a file:
//
//   namespace {
//   constexpr Option options[] = {
//       {.names = "-o,--output", .value = "FILE", .help = "where the layer goes"},
//       {.names = "--quiet", .help = "say nothing"},                      // no `value`: a flag
//   };
//   Result<int> run_layer(const Arguments& arguments) {
//     const std::optional<std::string> output = arguments.value("--output");     // by the long name
//     if (!output) return Error::usage("layer: no output given").hint("add `-o FILE`");
//     ...
//     CHECK_OK(print("written\n"));
//     return exit_passed;
//   }
//   const Registration layer({.name = "layer",                // "image load" for a command of a group
//                             .rank = 300,                    // its place in the list: run 100, layer 300,
//                             image 400-499, doctor 600, seccomp 700-799 .summary = "write the tar layer that
//                             would be injected, and nothing else", .synopsis = "IMAGE FILE -o L.tar",
//                             .examples = "testctr-script layer golang:latest mytest.txt -o layer.tar\n",
//                             .options = options, .min_positionals = 2, .max_positionals = 2, .run =
//                             run_layer});
//   }  // namespace
//
// `-h/--help` is added to every command; the number of positionals is checked before `run`; an Error that
// `run` returns is printed on stderr with its hint and becomes its exit code (2, 3 or 5). Results go to
// stdout by `print`, everything else to stderr by `complain`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::cmd {

// Exit codes that commands return by themselves; those of errors follow from their Fault, those of a run from
// its Tally.
inline constexpr int exit_passed = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_infrastructure = 3;
inline constexpr int exit_nothing = 4;

/// One option of a command.
struct Option {
  std::string_view names;       ///< "-j,--jobs" or "--jobs": a short one first, the long one always
  std::string_view value = {};  ///< what help calls its value ("N"); empty: a flag
  std::string_view help = {};   ///< one sentence without a full stop; further lines after "\n"
  bool repeats = false;         ///< may be given several times; otherwise the second time is a usage error
  /// What its value may be, for completions: words as "a|b", or where they are found: "@tests", "@tags",
  /// "@images". Empty: `value` says it, by its name (FILE, DIR) or as "a|b".
  std::string_view choices = {};
};

/// What was given on the command line of one command. Options are asked for by their long name ("--jobs");
/// asking for one that the command has not declared is a defect and aborts.
class Arguments {
 public:
  [[nodiscard]] bool declares(std::string_view name) const { return options_.contains(name); }
  [[nodiscard]] bool flag(std::string_view name) const { return !given(name).empty(); }
  /// The value, or nothing when the option was not given.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  /// All values of an option that repeats, in order.
  [[nodiscard]] const std::vector<std::string>& values(std::string_view name) const { return given(name); }
  /// The value as bytes ("512MiB"); a usage error naming the option when it is none or zero.
  [[nodiscard]] Result<std::optional<uint64_t>> size(std::string_view name) const;
  /// The value as nanoseconds ("1m30s"); zero is an error.
  [[nodiscard]] Result<std::optional<int64_t>> duration(std::string_view name) const;
  /// The value as a whole number from `least` to `most`.
  [[nodiscard]] Result<std::optional<uint64_t>> number(std::string_view name, uint64_t least,
                                                       uint64_t most) const;
  /// The value, which must be one of `choices`.
  [[nodiscard]] Result<std::optional<std::string>> choice(std::string_view name,
                                                          std::span<const std::string> choices) const;
  /// The words that are no options, in order.
  [[nodiscard]] const std::vector<std::string>& positionals() const { return positionals_; }

  /// For the parser alone.
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> positionals_;

 private:
  [[nodiscard]] const std::vector<std::string>& given(std::string_view name) const;
};

/// A subcommand. All texts must live as long as the program (literals).
struct Command {
  std::string_view name;           ///< "run", or "image load" for a command of a group
  int rank = 1000;                 ///< its place in the list of commands
  std::string_view summary = {};   ///< one line, beginning in lower case, without a full stop
  std::string_view synopsis = {};  ///< what follows the name: "IMAGE FILE..."
  std::string_view examples = {};  ///< whole command lines, one a line; shown first in help
  std::span<const Option> options = {};
  size_t min_positionals = 0;
  size_t max_positionals = std::numeric_limits<size_t>::max();
  std::string_view text = {};  ///< paragraphs shown after the options
  Result<int> (*run)(const Arguments&) = nullptr;
};

/// Makes a command known; one static object per command.
class Registration {
 public:
  explicit Registration(const Command& command);
};

/// All registered commands, in order of their rank.
std::span<const Command* const> commands();

/// A help topic (`help exit-codes`).
struct Topic {
  std::string_view name;
  std::string_view summary;
  std::string_view text;
};
std::span<const Topic> topics();

/// Parses `words` (what follows the command's name). `--help` among them gives nothing: the caller shows the
/// help.
Result<std::optional<Arguments>> parse(const Command& command, std::span<const std::string> words);
/// The help of a command, of a group ("image") and of the program.
std::string help_of(const Command& command);
std::string help_of_group(std::string_view group);
std::string help_of_program();
/// The command lines that the help of the program begins with, each with what it is for.
std::string_view program_examples();

/// Writes results to stdout, all of it; an infrastructure error when that fails (a full disk).
Status print(std::string_view text);
/// Writes "testctr-script: " and the message as a line to stderr, control bytes made visible.
void complain(std::string_view message);
/// Complains about `error`, with its hint. @return its exit code.
int complain(const Error& error);

}  // namespace testctr::cmd
