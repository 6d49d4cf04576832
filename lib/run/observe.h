// Gathers from the events of a run what the cases of its documents printed, for what is written from that:
// updated documents, Cram's `.err` files. Needs plans whose documents tell their whole output.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "interpret/event.h"
#include "script/expectation.h"

namespace testctr::run {

/// A case that has ended. Hostile bytes.
struct ObservedCase {
  uint32_t script = 0;  ///< index in the Plan
  std::string file;     ///< whose line; empty: the document's own
  uint32_t line = 0;
  Outcome outcome = Outcome::not_run;
  std::string reason;
  std::optional<int> code;
  bool shell_ended = false;  ///< a Cram document's, in this case
  std::string output;
  bool cut = false;                         ///< there was more output than is kept
  std::optional<script::Variables> values;  ///< of an interpolated case
};

class CaseObserver : public EventSink {
 public:
  /// The longest output that is kept of a case: what stands in a document is for people.
  static constexpr size_t most_output = size_t{4} << 20;

  /// @param next is told every event first; borrowed
  CaseObserver(EventSink& next, std::function<void(ObservedCase)> take)
      : next_(next), take_(std::move(take)) {}
  void take(const Event& event) override;

 private:
  struct Output {
    std::string bytes;
    bool cut = false;
  };
  EventSink& next_;
  std::function<void(ObservedCase)> take_;
  std::map<std::pair<uint32_t, std::string>, std::map<uint32_t, Output>>
      outputs_;  ///< by script, file and line
};

}  // namespace testctr::run
