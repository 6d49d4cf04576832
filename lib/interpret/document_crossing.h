// What a document's shell has set, on its way from place to place. The host takes from a container values
// that its own documents name, and nothing that would be carried out.
#pragma once

#include <string>
#include <vector>

#include "interpret/documents.h"
#include "interpret/session.h"
#include "interpret/shell.h"
#include "script/expectation.h"

namespace testctr::interpret {

class DocumentCrossing {
 public:
  /// All are borrowed. @param named what cases say here: a container's variables that stand in it, or in the
  /// commands that it carried out, are taken by the host
  DocumentCrossing(Session& session, const DocumentSetting& how, std::string named)
      : session_(session), how_(how), named_(std::move(named)) {}

  /// The environment that a new shell begins with.
  [[nodiscard]] std::map<std::string, std::string> environment(std::map<std::string, std::string> base,
                                                               const State& state) const;
  /// Brings what has come into the shell. @param fresh it has just begun
  Status enter(Shell& shell, bool fresh, const State& state);
  /// Puts what the shell has set into `state`. @param pending variables that its next case would have been
  /// given
  Status leave(Shell& shell, const script::Variables& pending, State& state);

 private:
  Result<ShellState> without_orders(Shell& shell, ShellState arriving);
  void take_functions(const ShellState& arriving, const std::map<std::string, std::string>& found,
                      ShellState& taken);
  void set_environment(const ShellState& now, State& state) const;
  Status go_to(Shell& shell, const std::string& directory);
  void log_names(const std::string& what, const std::vector<std::string>& names);

  Session& session_;
  const DocumentSetting& how_;
  std::string named_;
  ShellState arrived_;  ///< what came last, as it came
  ShellState had_;      ///< what the shell had when it went on
};

}  // namespace testctr::interpret
