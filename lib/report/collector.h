// Takes the events of a run, in which parallel scripts are interleaved, keeps those of each script apart, and
// tells reporters when a script has ended.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "interpret/event.h"
#include "report/script_report.h"
#include "report/tally.h"

namespace testctr::report {

/// What is known before the first test begins.
struct RunStart {
  size_t scripts = 0;              ///< how many will be run
  std::string selection = {};      ///< digest of the names of all that were selected, in all shards
  size_t selected = 0;             ///< how many these are
  uint32_t shard = 0, shards = 0;  ///< which part of them is run here, the first is 1; shards 0: all
  std::string sharded_by = {};
  /// The names of those that only set up an image: they are not among the selected, and each shard that needs
  /// one has its own.
  std::vector<std::string> setups = {};
  std::optional<uint64_t> seed = {};  ///< of a shuffled order
  unsigned parallel = 1;
  uint64_t unix_ns = 0;  ///< when it began, by the clock on the wall; 0: now
};

/// Writes a report of some form. None of its functions fails: one that cannot write says so through `status`.
class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void run_started(const RunStart& /*start*/) {}
  /// Every event as it comes.
  virtual void event(const Event& /*event*/) {}
  virtual void script_started(const ScriptReport& /*script*/) {}
  /// An attempt has ended and another one follows, which `script_started` tells of again.
  virtual void attempt_ended(const ScriptReport& /*script*/) {}
  /// Some time has passed, with or without events: a few times a second while tests run.
  virtual void tick() {}
  virtual void script_ended(const ScriptReport& /*script*/) {}
  virtual void run_ended(const RunEnding& /*ending*/, const Tally& /*tally*/) {}
  /// Whether all of the report could be written.
  [[nodiscard]] virtual Status status() const { return {}; }
};

class Collector : public EventSink {
 public:
  /// @param everything as for Log.
  explicit Collector(bool everything) : everything_(everything) {}
  void add(std::unique_ptr<Reporter> reporter) { reporters_.push_back(std::move(reporter)); }
  /// A flaky test makes the run a failed one.
  void fail_flaky() { tally_.fail_flaky(); }

  void start(const RunStart& start);
  void take(const Event& event) override;
  /// Tells reporters that time has passed.
  void tick();
  /// Ends the reports. @return the first error of a reporter; `exit_code` is the run's in any case.
  Status finish(const RunEnding& ending);
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  /// A script that has not ended, with what only its cases need until they end.
  struct Running {
    explicit Running(bool everything) : report(everything) {}
    ScriptReport report;
    std::string file;                                               ///< of the last command
    std::map<std::pair<std::string, uint32_t>, std::string> begun;  ///< the names of cases by their place
    std::string left_out;      ///< why the current case failed, where that failure is not kept
    size_t failures_told = 0;  ///< that belong to cases that have ended
  };
  Running& running(const Event& event);
  static void begin_command(Running& running, const Event& event);
  static void end_case(Running& running, const Event& event);
  void end(const Event& event);

  bool everything_;
  std::vector<std::unique_ptr<Reporter>> reporters_;
  std::map<uint32_t, std::unique_ptr<Running>> running_;
  Tally tally_;
};

}  // namespace testctr::report
