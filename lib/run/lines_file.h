// A file of lines that several runs add to at the same time, and that is made smaller now and then.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace testctr::run {

class LinesFile {
 public:
  LinesFile() = default;
  /// Opens it, and makes it where it is not there: for its owner alone. Whoever has it open keeps others from
  /// rewriting it. Errors (infrastructure) as of open(2); a link in its place is not followed.
  static Result<LinesFile> open(std::string path);
  [[nodiscard]] bool is_open() const { return file_.valid(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// All of it, 256 MiB at most. There may be a line that is not what the file is of: it is ours.
  [[nodiscard]] Result<std::string> read() const;
  /// @param line with its line feed
  Status add(std::string_view line);
  /// Whether it is several times as large as when it was last rewritten, and not small: asked without reading
  /// it.
  [[nodiscard]] Result<bool> has_grown() const;
  /// These lines in place of those in it, if nobody else has it open: what he adds to the old file would be
  /// lost.
  Status rewrite(const std::string& lines);

 private:
  std::string path_;
  Fd file_;
};

}  // namespace testctr::run
