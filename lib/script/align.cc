// From the cheap to the thorough: what must go together at both ends, a bounded search, the exact verdict,
// and for what differs and is too large for the search, lines that stand only once on both sides as anchors.
#include <algorithm>

#include "script/sequence.h"

namespace testctr::script {

namespace {

class Aligner {
 public:
  Aligner(Table& table, const Efforts& efforts) : table_(table), efforts_(efforts), left_(efforts.all_gaps) {}

  Aligned run() {
    Part part{0, table_.expectations(), 0, table_.lines()};
    bool may_be_equal = trim_front(part);
    may_be_equal = trim_back(part) && may_be_equal;
    Found found = search(table_, part, efforts_.search);
    if (found.complete) {
      steps_.append(found.steps);
      return finish(found.cost == 0);
    }
    if (may_be_equal) {
      Assignment assignment = assign(table_, part, efforts_.assign);
      if (!assignment.decided) return {false, false, {}};
      if (assignment.equal) {
        steps_.append(assignment.steps);
        return finish(true);
      }
    }
    align_gaps(part, found);
    return finish(false);
  }

 private:
  // Pairs that go together whatever the rest does. False: the next expectation stands for one line that is
  // not there.
  bool trim_front(Part& part) {
    while (part.e < part.e_end && table_.is_single(part.e)) {
      if (part.l == part.l_end || !table_.matches(part.e, part.l)) return false;
      steps_.matched(part.e++, part.l++, 1);
    }
    return part.e < part.e_end || part.l == part.l_end;
  }
  bool trim_back(Part& part) {
    while (part.e < part.e_end && table_.is_single(part.e_end - 1)) {
      if (part.l == part.l_end || !table_.matches(part.e_end - 1, part.l_end - 1)) return false;
      --part.e_end;
      --part.l_end;
      ++behind_;
    }
    return part.e < part.e_end || part.l == part.l_end;
  }

  Aligned finish(bool equal) {
    for (uint32_t i = behind_; i > 0; --i) steps_.matched(table_.expectations() - i, table_.lines() - i, 1);
    return {true, equal, steps_.take()};
  }

  void align_gaps(const Part& part, const Found& found) {
    const auto anchors = unique_pairs(part);
    if (anchors.empty()) {
      steps_.append(found.steps);
      settle(found.reached);
      return;
    }
    Part gap = part;
    for (const auto& [e, l] : anchors) {
      gap.e_end = e;
      gap.l_end = l;
      settle(gap);
      steps_.matched(e, l, 1);
      gap.e = e + 1;
      gap.l = l + 1;
    }
    gap.e_end = part.e_end;
    gap.l_end = part.l_end;
    settle(gap);
  }

  // Searches a gap piece by piece, each as far as its effort leads; what is left when all effort is used up
  // is apart.
  void settle(Part gap) {
    while (gap.expectations() != 0 && gap.lines() != 0 && left_ != 0) {
      const uint64_t effort = std::min(left_, efforts_.gap);
      const Found found = search(table_, gap, effort);
      left_ -= std::min(left_, found.effort);
      const bool moved = found.reached.e != gap.e || found.reached.l != gap.l;
      steps_.append(found.steps);
      gap = found.reached;
      if (found.complete) return;
      if (!moved) break;
    }
    steps_.apart(table_, gap);
  }

  // Expectations and lines that stand once among the expectations and once in the output; of these the most
  // that are in order on both sides (patience).
  std::vector<std::pair<uint32_t, uint32_t>> unique_pairs(const Part& part) {
    constexpr uint32_t none = UINT32_MAX, many = UINT32_MAX - 1;
    std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> places;
    auto note = [](uint32_t& place, uint32_t value) { place = place == none ? value : many; };
    for (uint32_t e = part.e; e < part.e_end; ++e) {
      if (!table_.is_exact(e)) continue;
      for (uint32_t number : table_.named(e)) {
        auto& place = places.try_emplace(number, none, none).first->second.first;
        note(place, table_.is_single(e) ? e : many);
      }
    }
    for (uint32_t l = part.l; l < part.l_end; ++l) {
      auto found = places.find(table_.line_number(l));
      if (found != places.end()) note(found->second.second, l);
    }
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (const auto& [number, place] : places) {
      if (place.first < many && place.second < many) pairs.push_back(place);
    }
    std::sort(pairs.begin(), pairs.end());
    return longest_ascent(pairs);
  }

  // The longest run of pairs, sorted by the first, whose second ascend (and whose firsts do: an expectation
  // may name two lines).
  static std::vector<std::pair<uint32_t, uint32_t>> longest_ascent(
      const std::vector<std::pair<uint32_t, uint32_t>>& pairs) {
    std::vector<size_t> tails, previous(pairs.size(), SIZE_MAX);
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (i != 0 && pairs[i].first == pairs[i - 1].first) continue;
      const auto place =
          std::lower_bound(tails.begin(), tails.end(), pairs[i].second,
                           [&](size_t tail, uint32_t value) { return pairs[tail].second < value; });
      if (place != tails.begin()) previous[i] = *(place - 1);
      if (place == tails.end())
        tails.push_back(i);
      else
        *place = i;
    }
    std::vector<std::pair<uint32_t, uint32_t>> ascent;
    for (size_t i = tails.empty() ? SIZE_MAX : tails.back(); i != SIZE_MAX; i = previous[i])
      ascent.push_back(pairs[i]);
    std::reverse(ascent.begin(), ascent.end());
    return ascent;
  }

  Table& table_;
  const Efforts efforts_;
  Steps steps_;
  uint32_t behind_ = 0;  ///< pairs taken off the end
  uint64_t left_;
};

}  // namespace

Aligned align(Table& table, const Efforts& efforts) { return Aligner(table, efforts).run(); }

}  // namespace testctr::script
