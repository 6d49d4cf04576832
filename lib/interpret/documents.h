// Carries out the cases of shell documents - Scrut Markdown and Cram - in the place where it is called.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/interpreter.h"
#include "interpret/state.h"
#include "script/document.h"

namespace testctr::interpret {

/// What documents need to be told beyond a Setting.
struct DocumentSetting {
  script::Compat compat = script::Compat::none;
  std::string shell;             ///< in place of what the document or its dialect names; empty: none
  std::string spare_shell;       ///< where the dialect's own shell is missing; empty: none
  script::CaseConfig overrides;  ///< from the command line
  int64_t timeout_ns = 0;        ///< of the whole document, where it does not say itself; 0: none
  /// Output events hold all that a case printed, normalised as it is compared, for `update`.
  bool whole_output = false;
  std::string
      directory;  ///< working directory of the cases that stays (`--work-directory`); empty: a fresh one
  bool operator==(const DocumentSetting&) const = default;
};

class Session;

/// Carries out the cases of `parts`, in order, in one shell and one pair of directories.
/// @param main index of the document whose front matter counts; the others are those that it includes
/// @param parts wellformed, all of one dialect
/// Events: `command`, `output`, `failure` and `case_ended` for each case. When it returns nothing that the
/// document started is alive.
/// @return how it ended, as `carry_out` says it. Errors: there is no shell, or it does not work.
Result<Continuation> carry_out(const std::vector<script::Document>& parts, size_t main, Continuation from,
                               const Setting& setting, const DocumentSetting& how, EventSink& events);
/// The same in a session that goes on.
Result<Continuation> carry_out_document(const std::vector<script::Document>& parts, size_t main,
                                        Continuation from, Session& session, const DocumentSetting& how);

}  // namespace testctr::interpret
