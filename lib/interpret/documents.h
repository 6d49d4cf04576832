// Carries out the cases of shell documents - Scrut Markdown and Cram - in the place where it is called.
#pragma once

#include <memory>
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
  std::string where;  ///< the place of cases that name none; empty: the one that carries them out
  /// Nothing else goes on in the place: when the document ends, all that lives there is killed.
  bool alone = true;
  /// The commands of the cases that containers have carried out since this place had its last turn. On the
  /// host these, and nothing that a container says, tell what functions they define.
  std::vector<std::string> definitions;
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

/// A document in a place that stays: while its cases go on elsewhere, the shell, the detached cases and what
/// was started in the background wait here.
class OpenDocument {
 public:
  OpenDocument() = default;
  OpenDocument(const OpenDocument&) = delete;
  OpenDocument& operator=(const OpenDocument&) = delete;
  virtual ~OpenDocument() = default;
  /// Carries out cases from `from.position` on, until one belongs to another place or the document ends.
  /// @return `done` with an outcome; or where to go on: behind the last case that is this place
  virtual Result<Continuation> go_on(Continuation from) = 0;
  /// No case comes here any more: those that still run beside are judged, and what the document has started
  /// is killed. @return whether all of them passed
  virtual bool end() = 0;
  /// The steps that it belongs to has come to its end here.
  [[nodiscard]] virtual bool over() const = 0;
};
/// @param parts, session and how outlive it
Result<std::unique_ptr<OpenDocument>> open_document(const std::vector<script::Document>& parts, size_t main,
                                                    Session& session, const DocumentSetting& how);

}  // namespace testctr::interpret
