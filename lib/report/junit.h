// JUnit XML: a suite per script, with one test case, and per document, with one for each case - and one more
// for the document itself where its cases do not say what became of it. A failed expectation is a <failure>;
// an error of the machine, the image or the script's grammar, and a script or a case that was not run, an
// <error>.
#pragma once

#include <string>

#include "base/output_file.h"
#include "report/collector.h"
#include "report/spill.h"

namespace testctr::report {

class Junit : public Reporter {
 public:
  /// Checks early that `path` can be written, so that a run is not lost to a wrong name. A usage error when
  /// its folder does not exist or it is a folder itself, an infrastructure error when it may not be written;
  /// sys::OutputFile says what becomes of what is there already.
  static Result<std::unique_ptr<Junit>> create(std::string path, std::string work = "/work");
  Junit(sys::OutputFile file, std::string path, std::string work);
  /// Whether the report would overwrite this file.
  [[nodiscard]] bool overwrites(const std::string& path) const { return file_.is(path); }
  void script_ended(const ScriptReport& script) override;
  /// Writes the file.
  void run_ended(const RunEnding& ending, const Tally& tally) override;
  [[nodiscard]] Status status() const override { return status_; }

 private:
  Status write(const RunEnding& ending);

  sys::OutputFile file_;
  std::string path_, work_;
  uint64_t started_ns_;  ///< wall clock
  Spill suites_;
  CaseCounts counts_;  ///< of the test cases that are written
  Status status_;
};

/// Text for XML 1.0: escaped; escape sequences of terminals and control characters left out, bytes that are
/// not UTF-8 as U+FFFD.
std::string xml_text(std::string_view bytes);

}  // namespace testctr::report
