// The exact verdict: an automaton whose states are "the last line went to expectation e", all followed at
// once. A set of states is a row of bits; sets are kept for a block of lines at a time and made again from
// the block's beginning when the assignment is traced back, so memory stays small.
#include <algorithm>
#include <bit>

#include "script/sequence.h"

namespace testctr::script {

namespace {

using Bits = std::vector<uint64_t>;
constexpr uint64_t one = 1;

class Automaton {
 public:
  Automaton(Table& table, const Part& part, uint64_t effort)
      : table_(table),
        part_(part),
        effort_(effort),
        count_(part.expectations()),
        words_(count_ / 64 + 1),
        optional_(words_),
        multi_(words_) {
    for (uint32_t e = 0; e < count_; ++e) {
      if (table.is_optional(part.e + e)) optional_[e / 64] |= one << e % 64;
      if (table.is_multi(part.e + e)) multi_[e / 64] |= one << e % 64;
    }
    block_ = static_cast<uint32_t>(std::clamp<size_t>((size_t{1} << 21) / words_, 16, size_t{1} << 20));
  }

  Assignment run() {
    const uint64_t before = table_.work();
    Bits set;  // empty: before the first line
    for (uint32_t l = 0; l < part_.lines(); ++l) {
      if (l % block_ == 0) {
        starts_.push_back(set);
        sets_.clear();
      }
      if (!advance(set, l)) return {true, false, {}};
      sets_.push_back(set);
      spent_ += words_ / 8 + 1;
      if (spent_ + table_.work() - before > effort_) return {false, false, {}};
    }
    const Bits end = reachable(part_.lines() == 0 ? Bits() : set);
    if ((end[count_ / 64] >> count_ % 64 & 1) == 0) return {true, false, {}};
    return {true, true, trace()};
  }

 private:
  [[nodiscard]] bool has(const Bits& set, uint32_t e) const { return (set[e / 64] >> e % 64 & 1) != 0; }

  // Which expectations may take the next line; bit `count_`: none has to.
  [[nodiscard]] Bits reachable(const Bits& set) const {
    Bits next(words_);
    if (set.empty()) {
      next[0] = 1;
    } else {
      for (size_t w = 0; w < words_; ++w) next[w] = set[w] << 1 | (w == 0 ? 0 : set[w - 1] >> 63);
    }
    // Behind an optional one the next is reachable too: a carry runs through each stretch of them.
    uint64_t carry = 0;
    for (size_t w = 0; w < words_; ++w) {
      const uint64_t seeds = next[w] & optional_[w];
      const uint64_t partial = optional_[w] + seeds;
      const uint64_t sum = partial + carry;
      carry = (partial < seeds || sum < carry) ? 1 : 0;
      next[w] |= (sum ^ optional_[w]) | seeds;
    }
    if (!set.empty()) {
      for (size_t w = 0; w < words_; ++w) next[w] |= set[w] & multi_[w];
    }
    return next;
  }

  // Takes one line. False: no state is left.
  bool advance(Bits& set, uint32_t l) {
    Bits next = reachable(set);
    next[count_ / 64] &= ~(one << count_ % 64);
    bool any = false;
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t rest = next[w]; rest != 0; rest &= rest - 1) {
        const auto e = static_cast<uint32_t>(w * 64 + static_cast<size_t>(std::countr_zero(rest)));
        ++spent_;
        if (table_.matches(part_.e + e, part_.l + l))
          any = true;
        else
          next[w] &= ~(one << e % 64);
      }
    }
    set = std::move(next);
    return any;
  }

  // The states that the last line may have been left in, seen from `e` (which takes the next line; `count_`:
  // the end): the nearest that names it, else the nearest.
  [[nodiscard]] uint32_t before(const Bits& set, uint32_t e) const {
    uint32_t found = count_;
    auto consider = [&](uint32_t candidate) {
      if (!has(set, candidate)) return false;
      if (found == count_) found = candidate;
      if (!table_.is_exact(part_.e + candidate)) return false;
      found = candidate;
      return true;
    };
    if (e < count_ && table_.is_multi(part_.e + e) && consider(e)) return found;
    for (uint32_t looked = 0; e-- > 0; ++looked) {
      if (consider(e)) return found;
      if (!table_.is_optional(part_.e + e) || (found != count_ && looked > 64)) break;
      while (e % 64 == 0 && e >= 64 && set[e / 64 - 1] == 0 && ~optional_[e / 64 - 1] == 0) e -= 64;
    }
    return found;
  }

  std::vector<Step> trace() {
    std::vector<uint32_t> owner(part_.lines());
    uint32_t e = count_;
    for (uint32_t l = part_.lines(); l-- > 0;) {
      if ((l + 1) % block_ == 0 && l + 1 != part_.lines()) remake(l / block_);
      e = before(sets_[l % block_], e);
      owner[l] = e;
    }
    Steps steps;
    uint32_t l = 0;
    for (e = 0; e < count_; ++e) {
      const uint32_t begin = l;
      while (l < part_.lines() && owner[l] == e) ++l;
      steps.matched(part_.e + e, part_.l + begin, l - begin);
    }
    return steps.take();
  }

  // Makes the sets of a block again.
  void remake(uint32_t block) {
    Bits set = starts_[block];
    sets_.clear();
    for (uint32_t l = block * block_; l < (block + 1) * block_; ++l) {
      advance(set, l);
      sets_.push_back(set);
    }
  }

  Table& table_;
  const Part part_;
  const uint64_t effort_;
  uint64_t spent_ = 0;
  const uint32_t count_;
  const size_t words_;
  uint32_t block_ = 0;
  Bits optional_, multi_;
  std::vector<Bits> starts_;  ///< before each block
  std::vector<Bits> sets_;    ///< after each line of the current block
};

}  // namespace

Assignment assign(Table& table, const Part& part, uint64_t effort) {
  return Automaton(table, part, effort).run();
}

}  // namespace testctr::script
