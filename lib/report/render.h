// The text of one script's report, as lines with a style, for every reporter that writes text. Lines are raw
// bytes: each reporter makes them safe for where it writes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/script_report.h"

namespace testctr::report {

enum class Style : uint8_t { plain, title, command, note, failure, removed, added, hint, warning };

using TakeLine = std::function<void(Style, std::string_view line)>;

/// Where a value or a diff is cut, in bytes and lines: beyond this only its beginning is shown, and that is
/// said.
inline constexpr size_t shown_value = size_t{4} << 10;
inline constexpr size_t shown_lines = 40;

/// The phase log: "# title (0.003s)", "> line", "[stdout]", output, "[exit status 1]".
/// @param work the path of $WORK in the place; where it appears as a whole path's beginning, "$WORK" is
/// shown.
void render_log(const ScriptReport& script, std::string_view work, const TakeLine& take);

/// "FAIL: file:line: command: reason", expected and actual or the diff, the hint; then the refused system
/// calls with their lines. Of a command of several lines the first is in the head and the whole of it below.
void render_failures(const ScriptReport& script, std::string_view work, const TakeLine& take);

/// A document: for each case that failed "FAIL: file:line: title: reason", its command, what it printed
/// beside what is compared, and the diff; which cases were skipped or not run and why; then what belongs to
/// none of them. @param verbose every case, with all that is kept of it
void render_document(const ScriptReport& script, std::string_view work, bool verbose, const TakeLine& take);

/// The part of that which is about one case.
void render_case(const ScriptReport& script, size_t index, const TakeLine& take);

/// The part of it which is about none.
void render_around_cases(const ScriptReport& script, std::string_view work, const TakeLine& take);

/// "12 of 14 cases passed, 1 failed, 1 not run"; "14 cases" of a document that passed; without the "of 14"
/// when it was stopped from outside, since then nobody has counted them all.
std::string counts_of(const ScriptReport& script);

/// The names of the cases; those that several have with the line of each.
std::vector<std::string> unique_names(const ScriptReport& script);

/// In one line, why the script ended as it did; empty for a pass, but of a document the number of its cases.
std::string summary_of(const ScriptReport& script, std::string_view work);

/// What a test has left outside of $WORK, in one printable line; empty: nothing.
std::string left_of(const ScriptReport& script);

/// That as a line of the log.
void render_left(const ScriptReport& script, const TakeLine& take);

/// All that is told of an attempt that went wrong: of a document its cases, else the log and the failures.
void render_script(const ScriptReport& script, std::string_view work, const TakeLine& take);

/// "FAIL t/bad.txt: why" in one printable line, for a heading of what is told in full below it.
std::string title_of(const ScriptReport& script, std::string_view work);

/// `text` with "$WORK" for `work` wherever that stands as a path by itself or as the beginning of one; not
/// where it is part of a longer name, nor in the middle of another path.
std::string shorten_work(std::string_view text, std::string_view work);

}  // namespace testctr::report
