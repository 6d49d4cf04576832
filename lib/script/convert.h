// A document in the other dialect: Cram as Markdown and back without the loss of a byte, Markdown as Cram as
// far as Cram can say it. Nothing is carried out.
//
// What stands where, when Cram becomes Markdown:
// * Front matter says what Cram's cases mean, and from which indentation they come.
// * A `$` with its output becomes a block between fences; its lines lose their indentation. The closing fence
// has
//   the line end that the last line had, so that a missing one comes back.
// * Text stays text, line by line. What Markdown's reader would take for structure - a fence, unless a whole
//   block of code stands in the text; `---` at the top - is hidden as `<!-- cram: TEXT -->`.
// * Expectations stay as they are where both dialects read them alike, else they are written otherwise; when
// the
//   way back would not find the same words, a comment in the block keeps them: `# Cram line 2: WORDS` (of the
//   second line of the body). It counts only as long as that line still means the same.
// * Text between the lines of a body, which Markdown has no place for: `# Cram text 2: TEXT` (before the
// second). When Markdown becomes Cram:
// * A line of text that begins with the indentation - and any number of backslashes before it - gets one more
//   backslash in front; the way back takes it off.
// * A comment in a block becomes a line `#scrut # ...` above the command; the way back puts it in.
// * `[N]` goes to the end of the body, `[0]` is what Cram expects anyway.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "script/document.h"

namespace testctr::script {

struct Converted {
  std::string text;
  /// What means something else now though nothing is lost, each with the line in the original.
  std::vector<Remark> notes;
};

/// A Cram document (read with `Compat::none`) as Markdown. `to_cram` makes the same bytes of it.
/// @param indent with which it was read
Result<Converted> to_markdown(const Document& document, size_t indent = 2);

struct ToCram {
  std::optional<size_t> indent;  ///< without it, that of the Cram document it came from, else 2
  /// What Cram cannot say becomes a comment ("#lost ...") and a note in place of an error.
  bool lossy = false;
};

/// A Markdown document (read with `Compat::none`) as Cram.
/// Errors (usage): all that Cram cannot say, a line for each: "name:line: key: what to do".
Result<Converted> to_cram(const Document& document, const ToCram& options = {});

}  // namespace testctr::script
