// Scrut's way to hold lines against expectations: from front to back, never taking anything back.
#include <algorithm>

#include "script/sequence.h"

namespace testctr::script {

namespace {

constexpr uint64_t most_work = 40'000'000;

class Greedy {
 public:
  explicit Greedy(Table& table) : table_(table), end_e_(table.expectations()), end_l_(table.lines()) {
    for (uint32_t e = 0; e < end_e_; ++e) {
      for (uint32_t number : table.named(e)) by_line_[number].push_back(e);
      if (!table.is_exact(e)) patterns_.push_back(e);
    }
    for (uint32_t l = 0; l < end_l_; ++l) lines_[table.line_number(l)].push_back(l);
  }

  Aligned run() {
    while (e_ < end_e_ && l_ < end_l_) {
      if (table_.matches(e_, l_))
        match();
      else if (running_)
        end_run();
      else
        look_ahead();
    }
    if (running_) end_run();
    while (e_ < end_e_) skip();
    extra(end_l_);
    return {true, equal_, steps_.take()};
  }

 private:
  void match() {
    if (!table_.is_multi(e_)) {
      steps_.matched(e_++, l_++, 1);
      return;
    }
    const bool may_yield = table_.is_optional(e_) || running_;
    if (e_ + 1 < end_e_ && may_yield && table_.matches(e_ + 1, l_)) {
      end_run();
      return;
    }
    if (!running_) run_ = l_;
    running_ = true;
    ++l_;
  }

  void end_run() {
    if (!running_) run_ = l_;
    steps_.matched(e_++, run_, l_ - run_);
    running_ = false;
  }

  // The current expectation gets nothing.
  void skip() {
    if (table_.is_optional(e_)) {
      steps_.matched(e_, l_, 0);
    } else {
      steps_.missing(e_);
      equal_ = false;
    }
    ++e_;
  }

  void extra(uint32_t end) {
    if (end == l_) return;
    steps_.unexpected(l_, end - l_);
    equal_ = false;
    l_ = end;
  }

  void look_ahead() {
    const uint32_t e = later_expectation();
    if (e != end_e_) {
      while (e_ < e) skip();
      return;
    }
    const uint32_t l = later_line();
    if (l != end_l_)
      extra(l);
    else
      skip();
  }

  // The first expectation behind the current one that matches the current line.
  uint32_t later_expectation() {
    uint32_t first = end_e_;
    auto named = by_line_.find(table_.line_number(l_));
    if (named != by_line_.end()) {
      auto found = std::upper_bound(named->second.begin(), named->second.end(), e_);
      if (found != named->second.end()) first = *found;
    }
    for (auto pattern = std::upper_bound(patterns_.begin(), patterns_.end(), e_);
         pattern != patterns_.end() && *pattern < first && may_go_on(); ++pattern) {
      if (table_.matches(*pattern, l_)) return *pattern;
    }
    return first;
  }

  // The first line behind the current one that the current expectation matches.
  uint32_t later_line() {
    uint32_t first = end_l_;
    for (uint32_t number : table_.named(e_)) {
      const auto& places = lines_[number];
      auto found = std::upper_bound(places.begin(), places.end(), l_);
      if (found != places.end()) first = std::min(first, *found);
    }
    if (table_.is_exact(e_)) return first;
    for (uint32_t l = l_ + 1; l < first && may_go_on(); ++l) {
      if (table_.matches(e_, l)) return l;
    }
    return first;
  }

  // Scrut would look at all; a hostile document does not make us.
  bool may_go_on() { return ++looks_ + table_.work() < most_work; }

  Table& table_;
  const uint32_t end_e_, end_l_;
  uint32_t e_ = 0, l_ = 0, run_ = 0;
  bool running_ = false, equal_ = true;
  uint64_t looks_ = 0;
  Steps steps_;
  std::vector<uint32_t> patterns_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> by_line_, lines_;
};

}  // namespace

Aligned align_like_scrut(Table& table) { return Greedy(table).run(); }

}  // namespace testctr::script
