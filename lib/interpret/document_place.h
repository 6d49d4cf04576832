// Where the cases of a document run: its directories, its shell, its environment.
#pragma once

#include <map>
#include <string>

#include "interpret/documents.h"
#include "interpret/session.h"

namespace testctr::interpret {

struct DocumentPlace {
  std::string control;        ///< for the files that we and the shell speak through
  std::string directory;      ///< working directory of the cases
  std::string temporary;      ///< $TMPDIR
  bool lies_outside = false;  ///< `directory` stays, and what we made in it has to go: `temporary`
};

/// Makes the directories of a document.
Result<DocumentPlace> make_place(const script::Document& document, const Session& session,
                                 const DocumentSetting& how);

/// The shell of a document: what was asked for, else the dialect's own, else the one that we bring along.
/// Errors (usage): there is none.
Result<std::string> shell_program(const script::Document& document, const Session& session,
                                  const DocumentSetting& how, const DocumentPlace& place);

/// The environment that the shell begins with.
std::map<std::string, std::string> document_environment(const script::Document& document,
                                                        const Session& session, const DocumentSetting& how,
                                                        const DocumentPlace& place, const std::string& shell);

}  // namespace testctr::interpret
