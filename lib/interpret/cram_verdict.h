// Verdicts as Cram's (`--compat cram`): it does not judge commands, but compares the whole document with what
// it would write in its place. So verdicts wait until the last case has run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpret/case_verdict.h"
#include "script/cram_output.h"
#include "script/document.h"

namespace testctr::interpret {

/// A case that has ended by itself, with the verdict that it would have alone.
struct CramCase {
  size_t part = 0;
  const script::Case* test = nullptr;
  std::string output;
  int code = 0;
  bool shell_ended = false;
  CaseVerdict verdict;
  uint64_t duration_ns = 0;
};

class CramVerdicts {
 public:
  /// @param parts outlive this  @param shell its program  @param control the shell's control directory
  /// @param most bytes of output that are kept, of all cases
  CramVerdicts(const std::vector<script::Document>& parts, std::string shell, std::string control,
               uint64_t most);

  /// The commands of a case in the lines where they would stand in the script that Cram hands to its shell,
  /// so that messages of the shell name the same line. Called for each case in order.
  std::string expression(size_t part, const script::Case& test);
  /// What a case printed, with messages of the shell about the file of the case as they are about the
  /// standard input, from which Cram's shell reads; nothing where there are none.
  [[nodiscard]] std::optional<std::string> as_from_input(std::string_view output) const;
  /// Whether there is room for the output of another case.
  [[nodiscard]] bool has_room(size_t bytes) const { return bytes <= most_ - held_; }
  void take(CramCase ended);
  /// From now on cases are judged alone: one of them has no verdict, so the document cannot be compared.
  void give_up() { whole_ = false; }
  /// The cases since the last call, with their final verdicts: all of a document that Cram takes pass; of one
  /// that it does not, at least one fails. Cases that have not been run are nobody's concern here.
  std::vector<CramCase> settle();

 private:
  void judge_part(std::vector<CramCase>& cases, size_t begin, size_t end) const;

  const std::vector<script::Document>& parts_;
  std::string shell_, place_;
  uint64_t most_, held_ = 0;
  bool whole_ = true;
  size_t part_ = SIZE_MAX, lines_ = 0;  ///< of the script so far
  std::vector<CramCase> cases_;
};

}  // namespace testctr::interpret
