// The reports that go to files: `--report FORMAT=FILE` and `--junit FILE`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "plan/plan.h"
#include "report/file_report.h"

namespace testctr::cmd {

using ReportFiles = std::vector<std::unique_ptr<report::FileReport>>;

/// The files of `--report` and `--junit`, which must be none of `read`, what the command reads. Nothing is
/// written yet. Usage errors: no such format, two reports in one file, what sys::OutputFile says of a name.
/// @param what they are, for the error: "what is to be run"
Result<ReportFiles> report_files(const Arguments& arguments, const std::vector<std::string>& read,
                                 std::string_view what);

/// The same for a run: scripts and layers are not overwritten.
Result<ReportFiles> report_files(const Arguments& arguments, const plan::Plan& plan);

/// What stands before the `=`.
std::vector<std::string> report_formats();

/// The names of these files as they were given, right or wrong.
std::vector<std::optional<std::string>> report_paths(const Arguments& arguments);

}  // namespace testctr::cmd
