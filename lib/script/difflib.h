// Differences between two sequences of lines as Python's difflib finds them (Ratcliff and Obershelp's longest
// matching blocks), with Cram's patterns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace testctr::script {

/// `a[a_begin, a_end)` is equal to, or replaced by, `b[b_begin, b_end)`. Unequal ones may be empty on one
/// side.
struct Opcode {
  bool equal = false;
  uint32_t a_begin = 0, a_end = 0, b_begin = 0, b_end = 0;
  bool operator==(const Opcode&) const = default;
};

/// What turns `a` (a test's lines) into `b` (Cram's lines of what it did). Within every range that is looked
/// at, lines at the same distance from its beginning count as equal when Cram's matchers say so. Popular
/// lines (over one in a hundred, of 200 and more) begin no block. Beyond a bound of effort, ranges that are
/// not looked at yet are unequal.
std::vector<Opcode> difflib_opcodes(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace testctr::script
