// What makes one dialect of the script language differ from another: its commands, how a line is taken apart,
// what `!` means, what a script begins with and how its background ends. The loop over the lines is the same
// for all.
#pragma once

#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/expand.h"
#include "interpret/judge.h"

namespace testctr::interpret {

/// Who says what `!` does to a command's answer.
enum class Negation : uint8_t {
  of_failure,  ///< it wants a failure that was reported; misuse is an error, `!` or not
  of_errors,   ///< every error satisfies it
  by_command,  ///< the command has looked at it: what it answers is what counts
};

struct Rules {
  script::Language language = script::Language::testctr;
  std::span<const CommandInfo> commands;      ///< by name
  std::span<const ConditionInfo> conditions;  ///< for `help`
  Negation negation = Negation::of_failure;
  Expansion expansion;  ///< of arguments and of what `cmpenv` compares
  /// $PWD is set for programs alone: the script's own words do not see it.
  bool hidden_pwd = false;
  /// A program is started under its whole name, as it was found in $PATH.
  bool whole_names = false;
  /// The names of a script's files are expanded before there are variables: each is empty.
  bool bare_names = false;
  /// Files may be named absolutely and with `..`, in a place that is a container; a later one replaces an
  /// earlier one of its name.
  bool free_names = false;

  /// A line's words as a command, its prefixes apart; where they are expanded first, its arguments are
  /// literal in what it returns. Null: as it was parsed. `defect` is set where it is no command, with the
  /// conditions that are looked at before that is said.
  script::Command (*resolve)(Session& session, const script::Command& line) = nullptr;
  /// Whether a condition holds. Errors (usage): it is none, in the dialect's words.
  Result<bool> (*holds)(Session& session, std::string_view text) = nullptr;
  /// What is said of a command that does not exist.
  std::string (*unknown)(const Session& session, const script::Command& command) = nullptr;
  /// A program of the image that is a command. Null: as in our own language.
  Answer (*program)(Session& session, const std::string& name, const Arguments& arguments) = nullptr;
  std::span<const char* const> prepared;  ///< the variables that `prepare` sets
  /// The variables, folders and working directory that a script begins with, beside the place's; null: none.
  Status (*prepare)(Session& session) = nullptr;
  /// What still runs in the background when the script is over: told, judged and stopped. Null: as in our own
  /// language. @param judged whether it counts @return whether all is well
  bool (*end_background)(Session& session, bool judged) = nullptr;
};

/// The rules of a dialect.
const Rules& rules_of(script::Language language);
/// The command of that name; nothing when there is none.
const CommandInfo* find_command(const Rules& rules, std::string_view name);

/// A line before its words are told apart: where it stands, and what is wrong with it already.
script::Command unresolved(const script::Command& line);
/// Takes a word as `!`, `?` or a condition into a command that has no name yet, by its text. @param taken set
/// to whether it was one. @return what is wrong with it; empty: nothing
std::string take_prefix(const std::string& word, script::Command& command, bool& taken);

/// The rules of each, in files of their own.
const Rules& testctr_rules();
const Rules& rsc_rules();
const Rules& testscript_rules();
const Rules& cmdgo_rules();

}  // namespace testctr::interpret
