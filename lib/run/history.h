// What became of tests before, on this machine: for `--failed`, for the order in which they begin, for shards
// by time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "interpret/event.h"
#include "plan/narrow.h"
#include "run/lines_file.h"

namespace testctr::run {

/// One file for each folder that suites are run in, below the user's state folder: lines of JSON that are
/// only added to, so that what a killed run knew is there. Several runs may write into it at the same time.
class History {
 public:
  struct Past {
    Outcome outcome = Outcome::not_run;  ///< not_run as well where a run began and never came to its end
    int64_t duration_ns = 0;             ///< of its last run that ended; 0: none did
    uint32_t run = 0;                    ///< the last one that it was in; a later run has a higher number
  };

  /// @param folder absolute, of the manifest or the one that names are relative to.
  /// Errors (infrastructure): there is no folder for state ($TESTCTR_HOME, $XDG_STATE_HOME, $HOME), or the
  /// file cannot be made.
  static Result<History> open(const std::string& folder);
  /// Reads what is known, which takes its time where thousands of tests have run. Lines that make no sense
  /// are passed over. Errors (infrastructure): the file cannot be read.
  Status load();

  /// The file, which a run writes into while it goes on; what is kept beside it is named after it
  /// (KeptFailures).
  [[nodiscard]] const std::string& path() const { return file_.path(); }
  /// What was known when it was loaded, as what follows.
  [[nodiscard]] const std::map<plan::TestKey, Past>& tests() const { return tests_; }
  /// Those that failed or did not come to their end when they were last to run.
  [[nodiscard]] std::set<plan::TestKey> failed() const;
  [[nodiscard]] std::map<plan::TestKey, int64_t> durations() const;

  /// A run of these begins: until they end, they count as not run.
  Status begin(const plan::Plan& plan);
  /// One has ended.
  Status add(const plan::TestKey& test, Outcome outcome, int64_t duration_ns);

 private:
  void read(std::string_view lines);

  LinesFile file_;
  bool loaded_ = false;
  std::map<plan::TestKey, Past> tests_;
  uint32_t runs_ = 0;
};

/// How long tests took, from the event lines of a run (`--report json=FILE`, `--json`).
/// Errors (usage): the file cannot be read, or has no test that ended.
Result<std::map<plan::TestKey, int64_t>> durations_from_events(const std::string& path);

/// Writes into a history what a run tells, and passes it on.
class HistoryWriter : public EventSink {
 public:
  /// All are borrowed. @param history null: nothing is written
  /// @param flaky_fails what is flaky counts as failed
  HistoryWriter(EventSink& next, const plan::Plan& plan, History* history, bool flaky_fails = false)
      : next_(next), plan_(plan), history_(history), flaky_fails_(flaky_fails) {}
  void take(const Event& event) override;
  /// The first thing that went wrong.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  [[nodiscard]] bool lacks_need(const plan::Job& job) const;

  EventSink& next_;
  const plan::Plan& plan_;
  History* history_;
  bool flaky_fails_;
  /// Of a test's repetitions.
  struct Repeated {
    size_t left = 0;
    Outcome worst = Outcome::pass;  ///< so far
  };
  std::map<plan::TestKey, Repeated> repeated_;
  std::map<uint32_t, Outcome> ended_;
  Status status_;
};

}  // namespace testctr::run
