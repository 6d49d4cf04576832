// A script or a document as pieces that can be left out, and the search for those that a failure needs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace testctr::cmd {

/// What a file consists of.
struct Piece {
  enum class Kind : uint8_t {
    fixed,  ///< stays: a document's front matter
    line,   ///< of a script; of a document what stands between the cases
    unit,   ///< a file of a script, a case of a document
  };
  Kind kind = Kind::line;
  std::string text;
};

/// Errors (usage): it cannot be read.
Result<std::vector<Piece>> pieces_of(const plan::Job& job);

/// Which pieces are there.
using Kept = std::vector<bool>;
std::string text_of(const std::vector<Piece>& pieces, const Kept& kept);

/// Looks at several at once. @return the first that fails as it should; the number of them: none does, or no
/// more may be asked
using TryAll = std::function<Result<size_t>(const std::vector<Kept>& candidates)>;

/// Leaves out pieces of a kind for as long as the rest still fails: halves, then smaller and smaller parts
/// (Zeller's ddmin, by what is left out alone).
Status reduce(const std::vector<Piece>& pieces, Piece::Kind kind, Kept& kept, const TryAll& try_all);

}  // namespace testctr::cmd
