// One test while it runs: from place to place, as its continuation says, to its verdict.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <vector>

#include "run/pod.h"
#include "run/scope.h"
#include "run/stamper.h"

namespace testctr::run {

struct Verdict {
  Outcome outcome = Outcome::pass;
  std::string reason;
  std::string fault;  ///< of an error
};

Verdict error_verdict(const Error& error);

/// What an attempt's end means for its test: a pass behind failed attempts is flaky; what the manifest
/// expects to fail failed as expected or passed though it should not. @param attempt from 0
Verdict verdict_of_test(const plan::Job& job, Verdict verdict, uint32_t attempt);

class TestRun {
 public:
  /// All are borrowed. @param index in the plan @param attempt from 0: after the job's last one nothing
  /// follows, whatever becomes of it
  TestRun(const plan::Job& job, uint32_t index, uint32_t attempt, const Provision& provision,
          const Machine& machine, EventSink& events, uint64_t run_start_ns);

  /// Starts the container that it begins with, where it has only that one: it sets itself up while others
  /// run. Nothing of it counts as the test's time, and nothing is told.
  void make_ready();
  /// Tells that it begins, and starts what it begins with. It may be over when this returns.
  void begin();
  /// What it waits for.
  void poll_into(std::vector<pollfd>& descriptors) const;
  /// Goes on with what has come.
  void advance();
  /// Looks at limits, at services, at the time. @param now_ns monotonic
  void turn(uint64_t now_ns);
  /// When `turn` is wanted next at the latest.
  [[nodiscard]] uint64_t next_turn_ns() const;
  /// Ends it from outside.
  void stop(const Verdict& verdict);
  [[nodiscard]] bool over() const { return over_; }
  /// Once it is over: of the test where it was its last attempt, else of this one.
  [[nodiscard]] Outcome outcome() const { return outcome_; }
  /// Once it is over: another attempt is to follow.
  [[nodiscard]] bool again() const { return again_; }
  [[nodiscard]] uint32_t attempt() const { return attempt_; }
  /// Once a test that sets up an image has passed: what it has changed in that.
  [[nodiscard]] Result<Fd>& changes() { return changes_; }
  [[nodiscard]] uint32_t index() const { return index_; }

 private:
  Status settle_places();
  void go_on(Continuation continuation);
  void take(Member& from, Said said);
  void take_result(Member& from, Continuation said);
  void next_step();
  void conclude(Outcome outcome, std::string reason);
  void finish_next();
  void open_shell(Member& member, const Said& said);
  void shell_ended();
  void take_prompt(Member& member, const Said& said);
  void relay_input();
  [[nodiscard]] bool in_shell() const { return shell_ != nullptr; }
  [[nodiscard]] bool has_prompt() const;
  void lose(Member& member, const Error& error);
  void time_out();
  void settle();
  void fail_with(const Error& error);
  void end(const Verdict& verdict);
  void tell_kept(Outcome outcome);
  void tell_end(const Verdict& of_attempt, const PlaceEnding& ending);
  [[nodiscard]] PlaceEnding joint_ending(bool by_force);

  const plan::Job& job_;
  uint32_t index_, attempt_;
  const Provision& provision_;
  Stamper stamper_;
  std::optional<Scope> scope_;
  std::unique_ptr<Pod> pod_;
  const Machine& machine_;
  Member* leader_ = nullptr;  ///< the place that carries out lines now
  Member* sender_ = nullptr;  ///< the place that artifacts come from
  Continuation from_;         ///< what it was given
  /// The commands of cases that containers have carried out since the host had its last turn.
  std::vector<std::string> definitions_;
  uint64_t step_started_ns_ = 0;
  std::optional<Continuation> waiting_;  ///< what is gone on with once all services are ready
  std::optional<Verdict> concluded_;     ///< how it is to end, while places come to their end
  std::vector<Member*> to_finish_;       ///< the last one first
  uint64_t finish_deadline_ns_ = 0;
  uint64_t generation_of_tree_ = 0;  ///< when it began
  uint64_t started_ns_ = 0, deadline_ns_ = 0, watched_ns_ = 0;
  Member* shell_ = nullptr;       ///< the place that the user has a shell in now
  uint64_t shell_opened_ns_ = 0;  ///< which stops the time
  uint64_t held_ns_ = 0;          ///< how long it stood still in all
  bool stepping_ = false;         ///< the user has asked to stop before the next line
  bool over_ = false, again_ = false;
  Result<Fd> changes_ = Error::internal("nothing was set up");
  Outcome outcome_ = Outcome::not_run;
};

}  // namespace testctr::run
