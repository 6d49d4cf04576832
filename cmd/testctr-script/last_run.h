// What the last run of the tests here has left behind: for `explain`, and for `shell` without words.
#pragma once

#include "commands.h"
#include "run/history.h"
#include "run/kept_failures.h"

namespace testctr::cmd {

/// As `run --failed` finds it with the manifest or with words, whichever was used last: a manifest's above
/// the current folder is told of on standard error. @param manifest that of `--manifest` Errors (usage):
/// there is no such file; (infrastructure) what is known cannot be read.
Result<run::History> history_of_last(const std::optional<std::string>& manifest);

/// The line of the test's own file whose command has failed; 0: none.
uint32_t line_of(const run::KeptFailure& kept);

/// The image that has to be named with the test's file; empty: none.
std::string image_of(const run::KeptFailure& kept, const plan::TestKey& test);

/// The test's name as its manifest has it.
std::string name_of(const run::KeptFailure& kept, const plan::TestKey& test);

/// Whether `-f` need not be said.
bool is_usual_manifest(const std::string& path);

/// The words of `shell` for a line of the test's own file: "builtin t.txt:7".
std::string shell_words(const run::KeptFailure& kept, const plan::TestKey& test, uint32_t line);

}  // namespace testctr::cmd
