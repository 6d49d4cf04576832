// What cmd/go's script tests (up to 1.19) and go-internal's testscript have in common: their commands look at
// `!` themselves and end the script with a message of their own (script-language.md, sections 2, 3 and 8).
#pragma once

#include <string>
#include <string_view>

#include "interpret/rules.h"

namespace testctr::interpret::go_family {

/// Ends the script. @param reason as the tool words it
Answer fatal(std::string reason, std::string hint = {});
/// "open $WORK/x: no such file or directory", as Go words what a system call said.
Answer fatal_on(std::string_view operation, const std::string& path, const Error& error);
/// The word in front of a command: "", "!", "?".
std::string_view sign_of(script::Want want);
/// "unsupported: ! cd" for a command that stands alone; nothing when it does.
std::optional<Answer> unless_alone(const Session& session, std::string_view name);
/// Whether the script's dialect is cmd/go's.
bool is_cmdgo(const Session& session);
/// `text` with `$WORK` in place of the work directory's path wherever that stands, behind other letters, too;
/// a longer name that begins so stays.
std::string with_work_masked(const Session& session, std::string_view text);
/// A name as it is opened: one that is absolute as it stands, another below the working directory, by its
/// text.
std::string absolute(const Session& session, const std::string& name);
/// "open $WORK/x: no such file or directory", as the text of an error. @param number errno of the operation
std::string go_error(std::string_view operation, const std::string& path, int number);
/// The content of a file. Errors (usage): why it cannot be read, as Go words it.
Result<OutputBuffer> read_whole(const Session& session, const std::string& name);

/// "exit status 1", "signal: killed", as Go says it. @param described as describe_status has it
std::string go_status(std::string described);

/// What the end of a program means for a line that wants it so. @param answer of run_program
Answer settle(Session& session, script::Want want, Answer answer);

/// Words as they stand after expansion: prefixes are told by their text, quoted or not.
script::Command resolve(Session& session, const script::Command& line);

/// The signal that ends what still runs, and what the end of the script makes of it.
bool end_background(Session& session, bool judged);

Answer run_cd(Session& session, const Arguments& arguments);
Answer run_chmod(Session& session, const Arguments& arguments);
Answer run_cmp(Session& session, const Arguments& arguments);
Answer run_cmpenv(Session& session, const Arguments& arguments);
Answer run_cp(Session& session, const Arguments& arguments);
Answer run_env(Session& session, const Arguments& arguments);
Answer run_exec(Session& session, const Arguments& arguments);
/// A program that is a command: `NAME ARG` means `exec NAME ARG`.
Answer run_named(Session& session, const std::string& name, const Arguments& arguments);
Answer run_exists(Session& session, const Arguments& arguments);
Answer run_grep(Session& session, const Arguments& arguments);
Answer run_mkdir(Session& session, const Arguments& arguments);
Answer run_mv(Session& session, const Arguments& arguments);
Answer run_rm(Session& session, const Arguments& arguments);
Answer run_skip(Session& session, const Arguments& arguments);
Answer run_stderr(Session& session, const Arguments& arguments);
Answer run_stdout(Session& session, const Arguments& arguments);
Answer run_stop(Session& session, const Arguments& arguments);
Answer run_symlink(Session& session, const Arguments& arguments);
Answer run_ttyout(Session& session, const Arguments& arguments);
Answer run_wait(Session& session, const Arguments& arguments);

/// Whether a condition that both have holds; nothing when it is none of them.
std::optional<bool> common_condition(Session& session, std::string_view text);

}  // namespace testctr::interpret::go_family
