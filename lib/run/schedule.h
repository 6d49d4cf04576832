// Which test begins next: in the plan's order, but for those that wait for others, for what they share with
// others, and for another attempt.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "interpret/event.h"
#include "plan/plan.h"

namespace testctr::run {

/// A test, and which of its attempts: from 0.
struct Turn {
  uint32_t index = 0;
  uint32_t attempt = 0;
};

class Schedule {
 public:
  /// @param plan borrowed; its order must be a permutation, or empty @param memory bytes that tests which ask
  /// for a limit of it may have together; one of them runs in any case. 0: unknown
  explicit Schedule(const plan::Plan& plan, uint64_t memory = 0);

  /// The next one that may begin now, which holds what it shares until `ended` or `again`. Nothing: none may
  /// before another has ended, or none is left.
  std::optional<Turn> next();
  /// The first `most` that wait only for their turn; behind them those that wait for tests which run by now,
  /// for what these need or share.
  [[nodiscard]] std::vector<uint32_t> upcoming(size_t most) const;
  /// A test that `next` gave has its outcome.
  void ended(uint32_t index, Outcome outcome);
  /// An attempt that `next` gave has failed, and another one is to follow: behind all that can begin now, so
  /// that what it failed by has time to go away.
  void again(Turn failed);
  /// Of a test that has ended.
  [[nodiscard]] std::optional<Outcome> outcome(size_t index) const { return outcomes_[index]; }
  /// Whether nothing is left that has not been given out.
  [[nodiscard]] bool empty() const { return waiting_.empty() && retries_.empty(); }
  /// Those that have not been given out, or are to be tried again.
  [[nodiscard]] std::vector<Turn> left() const;

 private:
  [[nodiscard]] bool may_begin(uint32_t index) const;
  [[nodiscard]] bool may_soon(uint32_t index) const;
  void hold(uint32_t index, int by);

  const plan::Plan& plan_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::vector<bool> runs_;
  std::deque<uint32_t> waiting_;
  std::deque<Turn> retries_;
  std::map<std::string, uint32_t> held_;
  uint64_t memory_, held_memory_ = 0;
};

}  // namespace testctr::run
