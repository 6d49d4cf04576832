// What a half-written command line can go on with: the answer to a shell's completion function.
#pragma once

#include <span>
#include <string>

namespace testctr::cmd {

/// The first word by which the completion functions ask; not for people, and so in no list of commands.
inline constexpr const char* complete_command = "__complete";

/// @param words what stands behind the program's name, the last being the word under the cursor (perhaps
/// empty).
/// @return a line for each candidate, "WORD\tDESCRIPTION", and a last one that says what else may stand
/// there:
/// ":none", ":files PREFIX" or ":dirs PREFIX" - names of files behind what the word begins with ("oci:").
/// Never fails: what cannot be looked up has no candidates. The words come from the commands' tables, tests
/// from the manifest that is meant, images from the store.
std::string completions_of(std::span<const std::string> words);

}  // namespace testctr::cmd
