// `--err-files`: beside each Cram document that fails, FILE.err with what it would be had it passed, byte for
// byte as Cram writes it; one that passes has none.
#pragma once

#include <string>
#include <vector>

#include "interpret/event.h"
#include "plan/plan.h"
#include "run/observe.h"
#include "script/document.h"

namespace testctr::run {

class ErrFiles : public EventSink {
 public:
  /// The most output of one document that is kept, and the most that is to be written of all of them.
  static constexpr size_t most_output = size_t{64} << 20;

  /// Before anything runs. Errors: a file could not be written where it belongs, or would overwrite one that
  /// is to be run. @param plan outlives the check; its documents tell their whole output
  static Status check(const plan::Plan& plan);
  /// @param next is told every event first; both are borrowed
  ErrFiles(const plan::Plan& plan, EventSink& next);
  void take(const Event& event) override;
  /// When the run has ended (a test tree must not change before): writes the files, and takes away those of
  /// documents that have passed. @return what could not be done, and why
  std::vector<Error> finish();

 private:
  struct Running {
    std::map<uint32_t, ObservedCase> cases;  ///< by line
    size_t bytes = 0;
  };

  void keep(ObservedCase ended);
  void end(uint32_t script, Outcome outcome);
  Status add(const plan::Job& job, const Running& running);
  static Status remove(const std::string& path);

  const plan::Plan& plan_;
  CaseObserver observer_;
  std::map<uint32_t, Running> running_;
  std::vector<std::pair<std::string, std::optional<std::string>>> files_;  ///< nothing: is to go
  size_t bytes_ = 0;                                                       ///< in them
  std::vector<Error> problems_;
};

}  // namespace testctr::run
