// Pieces of the reports' text.
#pragma once

#include "report/render.h"

namespace testctr::report {

/// Calls `take` for each line of `text`, without line ends; a missing last line end makes no difference.
void each_line(std::string_view text, const std::function<void(std::string_view)>& take);

/// "file:line", or the file alone when the line is 0. @param file empty: the script itself
std::string place_of(const ScriptReport& script, const std::string& file, uint32_t line);

/// Where a line was carried out, in words: "on the host", "in db".
std::string in_place(const std::string& place);

/// The lines of a command: `first` stands before the first, "> " before the others. What is too long is cut.
void render_command(std::string_view command, std::string_view first, const TakeLine& take);

/// Expected and actual or the diff, and the hint.
void render_difference(const Failure& failure, const TakeLine& take);

/// The failures that belong to no case.
void render_other_failures(const ScriptReport& script, std::string_view work, const TakeLine& take);

/// The system calls that were refused.
void render_denials(const ScriptReport& script, const TakeLine& take);

/// An entry of the log.
void render_entry(Log::Kind kind, std::string_view text, std::string_view work, const TakeLine& take);

/// Why the log is not whole, if it is not.
void render_log_status(const ScriptReport& script, const TakeLine& take);

}  // namespace testctr::report
