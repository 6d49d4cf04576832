// Changes to a document's source: `update` writes what a case printed in place of the expectations that no
// longer hold, and touches nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "script/compare.h"
#include "script/document.h"

namespace testctr::script {

/// Bytes of the source to be replaced (an empty span: inserted at).
struct Edit {
  Span span;
  std::string text;
  bool operator==(const Edit&) const = default;
};

/// What a case turned out to do.
struct Observed {
  std::string output;  ///< normalised
  int code = 0;
};

/// The changes that make `test` hold for `observed`; none when it does. Expectations that still match stay to
/// the byte, optional ones that matched nothing too; `[N]` is changed, added (behind the body) or taken away
/// where it stands; the line ends and the indentation of the block are kept. A JSON schema is never changed:
/// an error.
Result<std::vector<Edit>> edits_for(const Document& document, const Case& test, const Observed& observed,
                                    const CompareOptions& options);

/// `source` with all edits, which must not overlap.
Result<std::string> with_edits(std::string_view source, std::vector<Edit> edits);

}  // namespace testctr::script
