// The script format: a txtar archive whose comment is the script. Parsing only; nothing is carried out here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace testctr::script {

/// Whose rules a script is read and carried out by: our own, or those of a tool whose suites are to behave
/// here as they do there (script-language.md, sections 2 to 8).
enum class Language : uint8_t {
  testctr,
  rsc,         ///< rsc.io/script, and cmd/go from 1.20 on
  testscript,  ///< go-internal's testscript
  cmdgo,       ///< cmd/go up to 1.19
};
/// As `--dialect` names it.
std::string_view to_string(Language language);
/// Errors (usage): there is none of that name.
Result<Language> language_from_string(std::string_view name);

/// A piece of a word: quoted text is literal, unquoted text is expanded.
struct Fragment {
  std::string text;
  bool quoted = false;
  bool operator==(const Fragment&) const = default;
};
using Word = std::vector<Fragment>;

struct Condition {
  std::string text;  ///< without brackets and `!`, trimmed, never empty
  bool negated = false;
  uint32_t column = 0;  ///< 1-based byte column of the `[`
};

enum class Want : uint8_t { success, failure, either };

/// One command line.
struct Command {
  uint32_t line = 0;    ///< 1-based line in the file
  uint32_t column = 0;  ///< 1-based byte column of the command's name
  std::string text;     ///< as written, without the line end
  std::vector<Condition> conditions;
  Want want = Want::success;
  uint8_t nested = 0;                ///< how many commands stand before it that carry out another
  std::optional<uint8_t> exit_code;  ///< the status that `!N` demands; `want` is then `failure`
  std::string name;
  std::vector<Word> arguments;
  bool background = false;
  std::string background_name;  ///< by which it is waited for; empty: it has none
  /// Of another language than ours: all words, its prefixes among them. They are told apart when the line's
  /// turn comes, as those languages do; until then conditions, name and arguments are empty.
  std::vector<Word> words;
  std::string defect;  ///< why it is no command, told when its turn comes
};

/// A `#` line, which begins a phase.
struct Phase {
  uint32_t line = 0;
  std::string title;
  uint32_t first = 0;  ///< index of the first command in it
};

/// A line that says where the lines below it are carried out: `[host]`, `[container]`, `[container IMAGE]`,
/// `[container IMAGE as NAME]`.
struct Section {
  uint32_t line = 0;
  uint32_t column = 0;  ///< 1-based byte column of the `[`
  uint32_t first = 0;   ///< index of the first command in it
  bool host = false;
  std::string image, name;  ///< as written; empty: not given

  /// The place that it names: "host", the name given, else the image as it is written, else "container".
  [[nodiscard]] std::string place() const;
  bool operator==(const Section&) const = default;
};

struct File {
  std::string name;   ///< as in the marker, not yet expanded
  uint32_t line = 0;  ///< of the marker
  size_t offset = 0;  ///< of its data in the source
  std::string data;
};

struct Script {
  std::string name;  ///< for messages: the path as the user gave it
  Language language = Language::testctr;
  std::string source;
  std::vector<Command> commands;
  std::vector<Phase> phases;
  std::vector<Section> sections;
  std::vector<File> files;
};

/// Whether `name` can name a container: what can also be a host name, so that others find it by that.
bool is_container_name(std::string_view name);

/// How many of its own words stand before the command that `command` (`defer`, `retry`, `timeout`) is given;
/// nothing when it is another command.
std::optional<size_t> words_before_inner(const Command& command);

/// The command that `defer`, `retry` or `timeout` is given, with a `!`, `?` or `!N` of its own.
/// @return nothing when `command` is another one. Errors (usage): there is none, or what stands there is no
/// command's name
Result<std::optional<Command>> inner_command(const Command& command);

/// The literal words of a `testctr` command's line, or of one that `timeout` and its like carry out, its
/// subcommand first; nothing for a word with a variable in it. Empty when the command is another.
std::vector<std::optional<std::string>> testctr_words(const Command& command);

/// Parses a whole script. What a line means is not looked at: whether a command or a condition exists, the
/// interpreter says. In our own language every line has to be well formed and every file's name to lie in
/// $WORK; in the others both are found out when their turn comes, and of files of one name the last one
/// stands.
/// @param name for messages. Errors (Fault::usage) begin with "name:line:column: ".
Result<Script> parse(std::string name, std::string_view source, Language language = Language::testctr);

}  // namespace testctr::script
