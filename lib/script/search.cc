// Best-first search (A*) for the cheapest alignment. An expectation that is missing costs more than an
// unexpected line: where one that takes several lines could take those of another as well, what still holds
// is to stay. (Of those that stand for one line as many as can be are kept whatever the two cost.) A state is
// how many expectations and lines are done with, and whether the current expectation is amid a run of lines.
// Where an expectation that stands for one line fits the next line, taking both is never worse than anything
// else, so such stretches are walked at once.
#include <algorithm>

#include "script/sequence.h"

namespace testctr::script {

namespace {

constexpr uint32_t of_missing = 4, of_extra = 1;

enum class Move : uint8_t { begin, skip, missing, take, run, run_on, run_end, extra };

struct Node {
  uint32_t e = 0, l = 0;  ///< behind the stretch
  uint32_t parent = 0;
  uint32_t stretch = 0;  ///< pairs walked after the move
  uint32_t cost = 0;
  Move move = Move::begin;
  bool running = false;
};

class Search {
 public:
  Search(Table& table, const Part& part, uint64_t effort)
      : table_(table), part_(part), effort_(effort), required_(part.expectations() + 1) {
    for (uint32_t e = part.e_end; e-- > part.e;)
      required_[e - part.e] = required_[e - part.e + 1] + (table.is_optional(e) ? 0 : 1);
    last_multi_ = part.e;
    for (uint32_t e = part.e; e < part.e_end; ++e) {
      if (table.is_multi(e)) last_multi_ = e + 1;
    }
  }

  Found run() {
    base_ = at_least(part_.e, part_.l, false);
    add({part_.e, part_.l, 0, 0, 0, Move::begin, false});
    uint32_t furthest = 0;
    work_before_ = table_.work();
    while (lowest_ < buckets_.size()) {
      if (buckets_[lowest_].empty()) {
        std::vector<uint32_t>().swap(buckets_[lowest_++]);
        continue;
      }
      const uint32_t at = buckets_[lowest_].back();
      buckets_[lowest_].pop_back();
      const Node node = nodes_[at];
      if (seen_[key(node)] != at) continue;  // a cheaper way to it was found since
      if (node.e == part_.e_end && node.l == part_.l_end && !node.running) return result(at, true);
      if (uint64_t{node.e} + node.l > uint64_t{nodes_[furthest].e} + nodes_[furthest].l) furthest = at;
      if (effort() > effort_) break;
      expand(at, node);
    }
    return result(furthest, false);
  }

 private:
  static uint64_t key(const Node& node) {
    return uint64_t{node.e} << 33 | uint64_t{node.l} << 1 | (node.running ? 1 : 0);
  }

  [[nodiscard]] uint64_t effort() const { return nodes_.size() + walked_ / 4 + table_.work() - work_before_; }

  // What the rest costs at least.
  [[nodiscard]] uint32_t at_least(uint32_t e, uint32_t l, bool running) const {
    const uint32_t lines = part_.l_end - l, next = running ? e + 1 : e;
    const uint32_t required = required_[next - part_.e];
    if (required > lines) return (required - lines) * of_missing;
    const uint32_t takers = part_.e_end - next;
    return e < last_multi_ || lines <= takers ? 0 : (lines - takers) * of_extra;
  }

  void add(Node node) {
    while (!node.running && node.e < part_.e_end && node.l < part_.l_end && table_.is_single(node.e) &&
           table_.matches(node.e, node.l)) {
      ++node.e;
      ++node.l;
      ++node.stretch;
    }
    walked_ += node.stretch;
    const auto index = static_cast<uint32_t>(nodes_.size());
    const auto [at, is_new] = seen_.try_emplace(key(node), index);
    if (!is_new) {
      if (nodes_[at->second].cost <= node.cost) return;
      at->second = index;
    }
    nodes_.push_back(node);
    const uint32_t bucket = node.cost + at_least(node.e, node.l, node.running) - base_;
    if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
    buckets_[bucket].push_back(index);
  }

  // Later ones are looked at first.
  void expand(uint32_t at, const Node& node) {
    const uint32_t e = node.e, l = node.l, cost = node.cost;
    const bool has_line = l < part_.l_end;
    if (node.running) {
      const Node on{e, l + 1, at, 0, cost, Move::run_on, true};
      const Node end{e + 1, l, at, 0, cost, Move::run_end, false};
      const bool may = has_line && table_.matches(e, l);
      // The next line is rather given to an expectation that names it.
      const bool yields = may && !table_.is_exact(e) && e + 1 < part_.e_end && table_.is_exact(e + 1) &&
                          table_.matches(e + 1, l);
      if (may && yields) add(on);
      add(end);
      if (may && !yields) add(on);
      return;
    }
    if (has_line) add({e, l + 1, at, 0, cost + of_extra, Move::extra, false});
    if (e == part_.e_end) return;
    if (table_.is_optional(e))
      add({e + 1, l, at, 0, cost, Move::skip, false});
    else
      add({e + 1, l, at, 0, cost + of_missing, Move::missing, false});
    if (!has_line || !table_.matches(e, l)) return;
    if (table_.is_multi(e))
      add({e, l + 1, at, 0, cost, Move::run, true});
    else
      add({e + 1, l + 1, at, 0, cost, Move::take, false});
  }

  Found result(uint32_t at, bool complete) {
    Found found;
    found.complete = complete;
    found.cost = nodes_[at].cost;
    found.effort = effort();
    found.reached = part_;
    found.reached.e = nodes_[at].e + (nodes_[at].running ? 1 : 0);
    found.reached.l = nodes_[at].l;
    std::vector<uint32_t> path;
    for (uint32_t i = at; nodes_[i].move != Move::begin; i = nodes_[i].parent) path.push_back(i);
    path.push_back(0);
    std::reverse(path.begin(), path.end());
    Steps steps;
    uint32_t run_begin = 0;
    for (uint32_t i : path) {
      const Node& node = nodes_[i];
      const uint32_t e = node.e - node.stretch, l = node.l - node.stretch;
      switch (node.move) {
        case Move::begin:
        case Move::run_on:
          break;
        case Move::skip:
          steps.matched(e - 1, l, 0);
          break;
        case Move::missing:
          steps.missing(e - 1);
          break;
        case Move::take:
          steps.matched(e - 1, l - 1, 1);
          break;
        case Move::run:
          run_begin = l - 1;
          break;
        case Move::run_end:
          steps.matched(e - 1, run_begin, l - run_begin);
          break;
        case Move::extra:
          steps.unexpected(l - 1, 1);
          break;
      }
      for (uint32_t k = 0; k < node.stretch; ++k) steps.matched(e + k, l + k, 1);
    }
    if (nodes_[at].running) steps.matched(nodes_[at].e, run_begin, nodes_[at].l - run_begin);
    found.steps = steps.take();
    return found;
  }

  Table& table_;
  const Part part_;
  const uint64_t effort_;
  uint64_t walked_ = 0, work_before_ = 0;
  std::vector<uint32_t> required_;  ///< how many expectations from here on need a line
  uint32_t last_multi_ = 0;         ///< behind the last one that takes several
  uint32_t base_ = 0;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, uint32_t> seen_;
  std::vector<std::vector<uint32_t>> buckets_;  ///< by cost so far and at least to come, above `base_`
  size_t lowest_ = 0;
};

}  // namespace

Found search(Table& table, const Part& part, uint64_t effort) { return Search(table, part, effort).run(); }

}  // namespace testctr::script
