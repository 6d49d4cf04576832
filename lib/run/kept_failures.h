// What `explain` needs of tests that failed: their events, and under what they ran; and under what the others
// passed last. It lies beside the history of the folder that they are run in:
//
//   NAME.passed.jsonl   a line for each test that passed, only added to: {"test", "was"}
//   NAME.failed/        a file for each test that failed, replaced as a whole: {"test", "was", "cut", ...},
//                       then its event lines; gone when the test passes
//
// So what a killed run knew is there, and several runs may write at the same time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "interpret/event.h"
#include "plan/narrow.h"
#include "report/findings.h"
#include "run/lines_file.h"

namespace testctr::run {

/// Bytes of event lines that are kept of a test, and of all tests of a folder.
inline constexpr uint64_t most_of_test = uint64_t{1} << 20, most_of_all = uint64_t{64} << 20;

struct KeptFailure {
  report::Circumstances was;
  int64_t unix_s = 0;    ///< when it failed
  bool cut = false;      ///< not all of its events are there
  std::string manifest;  ///< that it is of; empty: it was named
  bool above = false;    ///< it was named without an image: that and more is of a manifest above it
  std::string file;
  std::vector<Event> events;
};

class KeptFailures {
 public:
  /// @param history the path of the history's file (History::path)
  explicit KeptFailures(const std::string& history);

  /// What is kept of a test that failed. Nothing: there is nothing, or it makes no sense.
  [[nodiscard]] std::optional<KeptFailure> failure(const plan::TestKey& test) const;
  /// Under what tests passed last; lines that make no sense are passed over. Errors: the file cannot be read.
  [[nodiscard]] Result<std::map<plan::TestKey, report::Circumstances>> passed() const;

  /// A run begins. Takes away what is older than a month, and lines that later ones replace.
  Status begin();
  Status keep(const plan::TestKey& test, KeptFailure failure);
  Status pass(const plan::TestKey& test, const report::Circumstances& was);

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const { return folder_ + "/" + name; }
  Status look_through();

  std::string folder_, passed_path_;
  LinesFile passed_;
  std::map<std::string, uint64_t> sizes_;  ///< of the files in the folder
  uint64_t together_ = 0;
};

/// What a plan's test runs under, as far as the plan says it. Of variables and files digests, never values.
report::Circumstances circumstances_of(const plan::Job& job);

/// Keeps what a run tells, and passes it on.
class FailureKeeper : public EventSink {
 public:
  /// All are borrowed. @param kept null: nothing is kept @param common holds of all tests: engine, kernel
  FailureKeeper(EventSink& next, const plan::Plan& plan, KeptFailures* kept, report::Circumstances common)
      : next_(next), plan_(plan), kept_(kept), common_(std::move(common)) {}
  void take(const Event& event) override;
  /// What a test is made from, before it begins.
  void provided(size_t job, report::Circumstances made_from);
  /// The first thing that went wrong.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  /// What is remembered of an attempt until it ends: of what only leads to a failure the end.
  struct Attempt {
    std::vector<Event> firm;
    std::vector<Event> loose;
    uint64_t firm_bytes = 0, loose_bytes = 0;
    size_t loose_gone = 0;  ///< of `loose`, those at the beginning that are not kept any more
    bool cut = false;
  };
  void remember(Attempt& attempt, const Event& event) const;
  void end(const Event& event);
  [[nodiscard]] report::Circumstances was(uint32_t script) const;

  EventSink& next_;
  const plan::Plan& plan_;
  KeptFailures* kept_;
  report::Circumstances common_;
  std::map<size_t, report::Circumstances> provided_;
  std::map<uint32_t, Attempt> attempts_;
  std::set<plan::TestKey> failed_;  ///< in this run: a repetition that passes does not take that away
  Status status_;
};

}  // namespace testctr::run
