// Changes to a member of a script's archive: `--update` writes what was compared in place of what was
// expected, and touches nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/edit.h"
#include "script/script.h"

namespace testctr::script {

/// What a member is to hold, as the script's comparison is to see it.
struct NewMember {
  std::string name;     ///< as in the marker, not expanded
  std::string content;  ///< bytes
  /// It stands in the archive with a `>` before each line, and the script takes those away by `unquote`.
  bool quoted = false;
  bool at_start = true;  ///< the script begins in $WORK: nothing of its test ran before it
};

/// The command of a line, also where its dialect tells it apart from its prefixes when its turn comes; empty
/// where only that shows it. @param succeeds set to whether nothing stands before it that allows failure
std::string command_of(const Command& line, bool& succeeds);

/// Whether lines of `content` would begin other members.
bool needs_quotes(std::string_view content);
/// With `>` before each line; nothing stays nothing.
std::string quoted_member(std::string_view content);
/// The reverse, as the command `unquote` does it. Errors (usage): the first byte is no `>`, or the last no
/// line end.
Result<std::string> unquoted_member(std::string_view data);

/// Whether a line of the script unquotes a file, as far as can be seen: by its last name.
bool is_unquoted(const Script& script, std::string_view name);

/// Whether an archive can tell `content` at all. Errors (usage), with a hint: it has no final line end.
Status can_be_member(std::string_view content);

/// A word of a script's line that stands for a file's name as markers write it: `$NAME` is expanded, all else
/// is as it is. Errors (usage): no word can say it.
Result<std::string> word_for(std::string_view name);

/// The changes to `script.source` after which the script sees `wanted`: the bytes of that one member, and,
/// where its lines look like markers, a line `unquote NAME` in front of the first command. None when it does
/// already. What would be written is read again first. Errors (usage): it has no such member, or it cannot be
/// told.
Result<std::vector<Edit>> edits_for_member(const Script& script, const NewMember& wanted);

}  // namespace testctr::script
