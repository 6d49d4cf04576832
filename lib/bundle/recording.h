// What a run came to, kept in a bundle beside its content: for each test its steps with what they printed,
// how it ended, and on what machine. Bounded: of long outputs the beginning is kept.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "interpret/event.h"
#include "run/mask.h"

namespace testctr::bundle {

/// A line of a script, a case of a document.
struct RecordedStep {
  std::string place, file;
  uint32_t line = 0;
  std::string command;
  std::string out, err;  ///< the first bytes of each
  bool cut = false;      ///< there was more
  bool failed = false;
  std::string reason;
  std::optional<int> code;  ///< of a case
  bool operator==(const RecordedStep&) const = default;
};

struct RecordedTest {
  std::string name, image;
  Outcome outcome = Outcome::not_run;
  std::string reason;  ///< of a skip, an error
  std::string fault;   ///< of an error, as `to_string(Fault)` says it; empty: not known
  std::vector<RecordedStep> steps;
  bool cut = false;  ///< there were more
  /// The step whose failure the test failed by; null: none.
  [[nodiscard]] const RecordedStep* failure() const;
};

struct Recording {
  std::map<std::string, std::string> surroundings;  ///< "kernel" -> "6.1.0"
  std::vector<RecordedTest> tests;                  ///< in the plan's order
};

/// Takes secrets out that were not whole in any piece of an output, but are where the pieces are joined.
void mask(Recording& recording, const run::Secrets& secrets);

Json to_wire(const Recording& recording);
/// Hostile; errors of the infrastructure.
Result<Recording> recording_from_wire(const Json& wire);

/// What of this machine a run may depend on. @param engine who makes the containers
std::map<std::string, std::string> surroundings_here(const std::string& engine);

/// Takes the events of a run.
class Recorder : public EventSink {
 public:
  /// @param next is told every event as well; borrowed @param tests how many the plan has
  Recorder(EventSink& next, size_t tests) : next_(next) { recording_.tests.resize(tests); }
  void take(const Event& event) override;
  [[nodiscard]] Recording& recording() { return recording_; }

 private:
  void begin_step(RecordedTest& test, const Event& event);
  static RecordedStep* step_of(RecordedTest& test, const Event& event);
  [[nodiscard]] bool is_full(const RecordedTest& test) const;
  EventSink& next_;
  Recording recording_;
  uint64_t kept_ = 0;
};

}  // namespace testctr::bundle
