// Documents made from commands.
#pragma once

#include <string>
#include <vector>

#include "commands.h"
#include "revise.h"

namespace testctr::cmd {

/// A document whose cases are these commands, and expect nothing yet.
std::string bare_document(const std::vector<std::string>& commands, const std::string& title, bool cram,
                          size_t indent);

/// What a run of this document would change in it. @param name of its file @param as see plan_of_text
/// Errors: of the request (usage), of the run
Result<Revision> revise_text(const Arguments& arguments, const std::string& image, const std::string& name,
                             const std::string& source, const std::string& as);
/// The document with all of that.
Result<std::string> with_changes(const std::string& source, const std::vector<Change>& changes);

struct CreatedDocument {
  std::string source;
  std::vector<std::string> notes;  ///< what is left out or not compared, and why
  size_t commands = 0;             ///< those that are in it; none: there is no document
};

/// These commands with what they print in a fresh container, run again until that holds: lines that are
/// different each time match anything, and commands that cannot be in the document are left out.
/// @param as the file that it is to become. Errors: of the request (usage), of the runs
Result<CreatedDocument> record_document(const Arguments& arguments, const std::string& image,
                                        const std::vector<std::string>& commands, const std::string& as,
                                        bool cram);

}  // namespace testctr::cmd
