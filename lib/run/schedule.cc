#include "run/schedule.h"

#include <algorithm>

namespace testctr::run {

namespace {

/// Of all its containers together, at most.
uint64_t memory_of(const plan::Job& job) { return job.limits.memory * (job.containers.size() + 1); }

}  // namespace

Schedule::Schedule(const plan::Plan& plan, uint64_t memory)
    : plan_(plan), outcomes_(plan.jobs.size()), runs_(plan.jobs.size()), memory_(memory) {
  for (const size_t index : plan.order) waiting_.push_back(static_cast<uint32_t>(index));
  if (!plan.order.empty()) return;
  for (size_t index = 0; index < plan.jobs.size(); ++index) waiting_.push_back(static_cast<uint32_t>(index));
}

bool Schedule::may_begin(uint32_t index) const {
  const plan::Job& job = plan_.jobs[index];
  const bool needed = std::all_of(job.needs.begin(), job.needs.end(),
                                  [&](size_t other) { return outcomes_[other].has_value(); });
  const uint64_t wanted = memory_of(job);
  if (memory_ != 0 && wanted != 0 && held_memory_ != 0 && held_memory_ + wanted > memory_) return false;
  return needed && std::all_of(job.shares.begin(), job.shares.end(), [&](const std::string& name) {
           const auto held = held_.find(name);
           const auto most = plan_.shared.find(name);
           return held == held_.end() || held->second < (most == plan_.shared.end() ? 1 : most->second);
         });
}

void Schedule::hold(uint32_t index, int by) {
  held_memory_ += static_cast<uint64_t>(by) * memory_of(plan_.jobs[index]);
  for (const std::string& name : plan_.jobs[index].shares) held_[name] += static_cast<uint32_t>(by);
}

std::optional<Turn> Schedule::next() {
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    if (!may_begin(*at)) continue;
    const Turn turn{*at, 0};
    waiting_.erase(at);
    hold(turn.index, 1);
    runs_[turn.index] = true;
    return turn;
  }
  for (auto at = retries_.begin(); at != retries_.end(); ++at) {
    if (!may_begin(at->index)) continue;
    const Turn turn = *at;
    retries_.erase(at);
    hold(turn.index, 1);
    return turn;
  }
  return std::nullopt;
}

std::vector<uint32_t> Schedule::upcoming(size_t most) const {
  std::vector<uint32_t> all;
  for (auto at = waiting_.begin(); at != waiting_.end() && all.size() < most; ++at) {
    if (may_begin(*at)) all.push_back(*at);
  }
  for (auto at = waiting_.begin(); at != waiting_.end() && all.size() < most; ++at) {
    if (!may_begin(*at) && may_soon(*at)) all.push_back(*at);
  }
  return all;
}

// What is set up first is another image then; and memory is not to be held by those that wait.
bool Schedule::may_soon(uint32_t index) const {
  const plan::Job& job = plan_.jobs[index];
  if (memory_of(job) != 0) return false;
  const auto known = [&](size_t other) { return outcomes_[other].has_value(); };
  return std::all_of(job.set_up_by.begin(), job.set_up_by.end(), known) &&
         std::all_of(job.needs.begin(), job.needs.end(),
                     [&](size_t other) { return known(other) || runs_[other]; });
}

void Schedule::ended(uint32_t index, Outcome outcome) {
  outcomes_[index] = outcome;
  hold(index, -1);
}

void Schedule::again(Turn failed) {
  hold(failed.index, -1);
  retries_.push_back({failed.index, failed.attempt + 1});
}

std::vector<Turn> Schedule::left() const {
  std::vector<Turn> all;
  for (const uint32_t index : waiting_) all.push_back({index, 0});
  all.insert(all.end(), retries_.begin(), retries_.end());
  // In the plan's order, which is how people read what was not run.
  std::sort(all.begin(), all.end(), [](const Turn& a, const Turn& b) { return a.index < b.index; });
  return all;
}

}  // namespace testctr::run
