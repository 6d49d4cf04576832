// How lines are assigned to expectations: what `compare` is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "script/compare.h"

namespace testctr::script {

/// Expectations against lines: which fits which, asked as seldom as can be. Equal lines and equal
/// expectations are the same; a line that is written as the expectation is found by number, and what a
/// pattern says is remembered.
class Table {
 public:
  /// @param expectations and what `lines` point into must outlive this
  Table(const std::vector<Expectation>& expectations, std::vector<LineMatcher> matchers,
        std::vector<std::string_view> lines);

  [[nodiscard]] uint32_t expectations() const { return static_cast<uint32_t>(rows_.size()); }
  [[nodiscard]] uint32_t lines() const { return static_cast<uint32_t>(lines_.size()); }
  [[nodiscard]] bool is_optional(uint32_t e) const { return rows_[e].optional; }
  [[nodiscard]] bool is_multi(uint32_t e) const { return rows_[e].multi; }
  /// Stands for exactly one line.
  [[nodiscard]] bool is_single(uint32_t e) const { return !rows_[e].optional && !rows_[e].multi; }
  /// Matches only lines it names.
  [[nodiscard]] bool is_exact(uint32_t e) const { return rows_[e].exact; }
  /// Equal expectations (quantifiers apart from that) have equal numbers below `kinds()`.
  [[nodiscard]] uint32_t kind(uint32_t e) const { return rows_[e].kind; }
  [[nodiscard]] uint32_t kinds() const { return kinds_; }
  /// Equal lines have equal numbers.
  [[nodiscard]] uint32_t line_number(uint32_t l) const { return numbers_[l]; }
  /// The numbers of the lines an expectation names, as far as the output has them.
  [[nodiscard]] const std::vector<uint32_t>& named(uint32_t e) const { return rows_[e].named; }
  [[nodiscard]] const LineMatcher& matcher(uint32_t e) const { return matchers_[e]; }
  [[nodiscard]] std::string_view line(uint32_t l) const { return lines_[l]; }

  [[nodiscard]] bool matches(uint32_t e, uint32_t l);
  /// What all answers have cost so far; a comparison of numbers is nothing.
  [[nodiscard]] uint64_t work() const { return work_; }

 private:
  struct Row {
    bool optional = false, multi = false, exact = true;
    uint32_t kind = 0;
    std::vector<uint32_t> named;
  };
  std::vector<LineMatcher> matchers_;
  std::vector<std::string_view> lines_;
  std::vector<uint32_t> numbers_;
  std::vector<Row> rows_;
  uint32_t kinds_ = 0;
  uint64_t work_ = 0;
  std::unordered_map<uint64_t, bool> answers_;
};

/// A part of a table: expectations and lines, half-open.
struct Part {
  uint32_t e = 0, e_end = 0, l = 0, l_end = 0;
  [[nodiscard]] uint32_t expectations() const { return e_end - e; }
  [[nodiscard]] uint32_t lines() const { return l_end - l; }
};

/// Collects steps in order.
class Steps {
 public:
  void matched(uint32_t e, uint32_t l, uint32_t lines);
  void missing(uint32_t e);
  void unexpected(uint32_t l, uint32_t lines);
  void append(const std::vector<Step>& steps) { steps_.insert(steps_.end(), steps.begin(), steps.end()); }
  /// Nothing of the part belongs together.
  void apart(const Table& table, const Part& part);
  /// In every gap the missing ones stand before the unexpected ones, which are one step.
  std::vector<Step> take();

 private:
  std::vector<Step> steps_;
};

/// The cheapest alignment of a part (a missing expectation costs 4, an unexpected line 1), searched best
/// first.
struct Found {
  bool complete = false;  ///< else `steps` lead as far as `reached` (e and l)
  uint32_t cost = 0;
  uint64_t effort = 0;  ///< what it took
  std::vector<Step> steps;
  Part reached;
};
/// @param effort how many states to look at, at most; patterns that have to be asked count as several
Found search(Table& table, const Part& part, uint64_t effort);

/// Whether all lines of a part can be assigned to its expectations, and how; exact for any quantifiers. All
/// states are followed at once, a bit for each.
struct Assignment {
  bool decided = true;  ///< false: it would have taken more than `effort`
  bool equal = false;
  std::vector<Step> steps;  ///< when equal
};
Assignment assign(Table& table, const Part& part, uint64_t effort);

/// Aligns a whole table as `Compat::none` has it.
struct Aligned {
  bool decided = true;  ///< false: whether it is equal would have taken too long to find out
  bool equal = false;
  std::vector<Step> steps;
};
/// How much to do before the next, rougher means; tests make it little.
struct Efforts {
  uint64_t search = 300'000, gap = 40'000, all_gaps = 500'000, assign = 60'000'000;
};
Aligned align(Table& table, const Efforts& efforts = {});
/// As Scrut does it: one pass, one expectation ahead.
Aligned align_like_scrut(Table& table);

}  // namespace testctr::script
