// What a document's shell has set, as a value: variables, functions, aliases, options. It is what crosses
// when the cases go on in another place; who reads it back need not trust who wrote it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace testctr::interpret {

/// The most that crosses.
inline constexpr size_t most_shell_state = size_t{8} << 20;

struct ShellVariable {
  enum class Kind : uint8_t { scalar, indexed, associative };
  Kind kind = Kind::scalar;
  std::string attributes;  ///< of "cilnrtux", sorted
  /// Of an array its keys and values; else one value with an empty key.
  std::vector<std::pair<std::string, std::string>> values;
  bool operator==(const ShellVariable&) const = default;
};

struct ShellFunction {
  std::string text;        ///< as bash's `declare -f` prints it
  std::string attributes;  ///< of "rtx"
  bool operator==(const ShellFunction&) const = default;
};

struct ShellState {
  bool bash = true;  ///< else: a shell that cannot tell its functions
  std::string directory;
  std::map<std::string, ShellVariable> variables;
  std::map<std::string, ShellFunction> functions;
  std::map<std::string, std::string> aliases;
  /// What was there and has been taken away. (What is neither here nor there is left alone: a place may have
  /// variables of its own.)
  std::set<std::string> gone_variables, gone_functions, gone_aliases;
  std::vector<std::string> options;  ///< "set -o NAME", "shopt -u NAME", ...
  std::vector<std::string> arguments;
  std::string umask;  ///< octal; empty: unknown
  bool operator==(const ShellState&) const = default;
};

/// Whether `name` can be a variable's.
bool is_shell_name(std::string_view name);
/// Whether a variable belongs to its place: what the place gives (WORK, PATH, HOME, ...), what a shell keeps
/// for itself (BASH..., PWD, ...).
bool is_place_variable(std::string_view name);
/// Whether a shell, the loader or a C library acts on a variable by itself: such a one never goes from a
/// container to the host.
bool is_interpreted_variable(std::string_view name);
/// Whether `name` stands in `text` as a word.
bool stands_in(std::string_view name, std::string_view text);

/// Reads what bash wrote (`bash_cross` in shell_text.cc): records of fields that end with NUL. Errors
/// (infrastructure): it is not that.
Result<ShellState> shell_state_from_bash(std::string_view records);
/// Reads what a POSIX shell printed. @param variables by `set` @param exports by `export -p` @param aliases
/// by `alias` @param options by `set +o`
ShellState shell_state_from_posix(std::string_view variables, std::string_view exports,
                                  std::string_view aliases, std::string_view options);

/// As bytes. Errors (usage): more than `most_shell_state`.
Result<std::string> shell_state_to_bytes(const ShellState& state);
/// Reads bytes that anybody may have written. Errors (infrastructure): they are no state: names, attributes
/// or options that cannot be.
Result<ShellState> shell_state_from_bytes(std::string_view bytes);

/// Replaces in all values what `from` is at the borders of path components, by `token`.
void take_out_path(ShellState& state, std::string_view from);
/// Replaces `work_token` by `to`.
void put_in_path(ShellState& state, const std::string& to);

/// The commands that make `wanted` of a shell that has `current`. Values are quoted, so that nothing in them
/// is read by the shell; functions and aliases are what they say.
/// @param bash for whom @param current of a shell that has just begun: nothing
/// @param notes gets what cannot be said to that shell
std::string load_text(const ShellState& current, const ShellState& wanted, bool bash,
                      std::vector<std::string>& notes);

}  // namespace testctr::interpret
