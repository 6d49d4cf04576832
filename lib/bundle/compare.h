// Whether a run came to the same as the one that is recorded.
#pragma once

#include <string>
#include <vector>

#include "bundle/recording.h"

namespace testctr::bundle {

/// The later one outweighs the earlier where tests came to several.
enum class Verdict : uint8_t {
  reproduced,   ///< every test ended as recorded: those that failed at the same line and for the same reason
  cannot_tell,  ///< a test ended by this machine's fault or ours, or was not run: that says nothing of it
  differs,      ///< a test that failed fails otherwise, or one that passed does not
  not_reproduced,  ///< a test that failed passes
};
/// "reproduced", "cannot tell", "differs", "not reproduced".
std::string_view to_string(Verdict verdict);
/// 0, 3, 6, 1.
int exit_code(Verdict verdict);

struct Comparison {
  Verdict verdict = Verdict::reproduced;
  std::string
      outcome;  ///< the first difference of outcome that the verdict follows from, for people; empty: none
  std::string output;                     ///< the first difference in what steps printed; empty: none
  std::vector<std::string> surroundings;  ///< every difference of the machines, a line each
};

Comparison compare(const Recording& recorded, const Recording& now);

}  // namespace testctr::bundle
