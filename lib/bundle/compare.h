// Whether a run came to the same as the one that is recorded.
#pragma once

#include <string>
#include <vector>

#include "bundle/recording.h"

namespace testctr::bundle {

enum class Verdict : uint8_t {
  reproduced,  ///< every test ended as recorded: those that failed at the same line and for the same reason
  differs,     ///< a test that failed fails otherwise, or one that passed does not
  not_reproduced,  ///< a test that failed passes
};
/// "reproduced", "differs", "not reproduced".
std::string_view to_string(Verdict verdict);
/// 0, 6, 1.
int exit_code(Verdict verdict);

struct Comparison {
  Verdict verdict = Verdict::reproduced;
  std::string outcome;                    ///< the first difference of outcome, for people; empty: none
  std::string output;                     ///< the first difference in what steps printed; empty: none
  std::vector<std::string> surroundings;  ///< every difference of the machines, a line each
};

Comparison compare(const Recording& recorded, const Recording& now);

}  // namespace testctr::bundle
