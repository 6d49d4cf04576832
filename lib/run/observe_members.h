// Gathers from the events of a run what the comparisons of its scripts want of the files in them, for
// `--update`. Needs plans whose jobs tell that. All of it is hostile bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "interpret/event.h"
#include "plan/plan.h"
#include "run/mask.h"

namespace testctr::run {

/// What one comparison wants.
struct ComparedMember {
  std::string file;  ///< the step's whose line it is, as plan::Step::file
  uint32_t line = 0;
  std::string member;
  bool quoted = false;
  bool equal = false;   ///< that it stays as it is; then there is no content
  bool cut = false;     ///< there was more than is kept
  bool secret = false;  ///< the value of a secret is in it
  std::string content;
};

/// A line that failed.
struct FailedLine {
  std::string file;
  uint32_t line = 0;
  Failure failure;
};

/// A test that has ended.
struct ObservedScript {
  uint32_t script = 0;  ///< index in the plan
  Outcome outcome = Outcome::not_run;
  std::string reason;
  std::vector<ComparedMember> compared;  ///< in the order of their events
  std::vector<FailedLine> failures;
};

class MemberObserver : public EventSink {
 public:
  /// The most that is kept of all comparisons of a test, and how many of them.
  static constexpr size_t most_content = size_t{64} << 20;
  static constexpr size_t most_compared = 10'000;

  /// @param plan for the secrets of its jobs @param next is told every event first, but those that are for
  /// nobody else; borrowed
  MemberObserver(const plan::Plan& plan, EventSink& next);
  void take(const Event& event) override;

  /// Those that have ended, by their places in the plan.
  [[nodiscard]] const std::map<uint32_t, ObservedScript>& ended() const { return ended_; }

 private:
  struct Running {
    ObservedScript script;
    size_t bytes = 0;
    bool open = false;  ///< the last of the comparisons goes on
  };
  void compare(const Event& event);
  void end(const Event& event);

  Secrets secrets_;
  EventSink& next_;
  std::map<uint32_t, Running> running_;
  std::map<uint32_t, ObservedScript> ended_;
};

}  // namespace testctr::run
