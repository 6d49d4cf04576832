// The files that a document consists of: itself, and those that it includes (`prepend:`, `append:`).
#pragma once

#include <string>

#include "base/result.h"
#include "plan/plan.h"
#include "script/document.h"

namespace testctr::plan {

/// The dialect of a format that is no script.
script::Dialect dialect_of(Format format);

/// Fills in a document job's parts, their number of cases and the limit that it sets itself.
/// @param folder absolute path of the folder that the document lies in; paths in it are relative to that
/// Errors (usage): the document or one that it includes cannot be read, or has no case.
Status gather_document(Job& job, const std::string& folder);

/// The parts of a job, read. (They were read before: no errors are expected.)
Result<std::vector<script::Document>> read_parts(const Job& job);

}  // namespace testctr::plan
