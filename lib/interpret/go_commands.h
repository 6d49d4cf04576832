// The Go toolchain of a place, as scripts for cmd/go use it: where it is, what it is, and the commands and
// conditions that ask it. Those that look at `!` themselves and those that leave it to the engine share them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "interpret/commands.h"

namespace testctr::interpret {

/// A number as Go's strconv.ParseUint reads it. @param base 0: by its prefix, 0x, 0o, 0b or 0
std::optional<unsigned> go_number(std::string_view text, int base);

/// The `go` of the place's own PATH, whatever the script has made of its own. Errors (usage): there is none.
Result<std::string> go_program(const Session& session);
/// $GOROOT of that program, by where its links lead; empty: there is none.
std::string go_root(const Session& session);
/// "1.19": the release that stands in $GOROOT/VERSION; empty: unknown.
std::string go_release(const std::string& root);

/// Whether a condition about the toolchain holds that cmd/go has; nothing when it is none of them.
std::optional<bool> go_condition(Session& session, std::string_view text);

/// The words of a C compiler's command line, as cmd/go begins it.
Arguments c_compiler(const Session& session);
/// Asks `go list` of packages that are not as they are wanted. @param stale whether they are to be
/// @return what it says of them: nothing when all are. Errors: it could not be asked
Result<std::string> wrongly_stale(Session& session, const Arguments& packages, bool stale);

// As rsc.io/script's engine has them.
Answer run_go(Session& session, const Arguments& arguments);
Answer run_cc(Session& session, const Arguments& arguments);
Answer run_stale(Session& session, const Arguments& arguments);

}  // namespace testctr::interpret
