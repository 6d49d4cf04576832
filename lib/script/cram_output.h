// What Cram writes: a test with the output that its commands had (`FILE.err`), and the difference it prints.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "script/document.h"

namespace testctr::script {

/// What a command did.
struct CramResult {
  std::string output;         ///< both streams, as they came
  std::optional<int> status;  ///< none: the shell ended within this command, the last one there is
};

/// The text of a Cram test with `results` in place of what it expects, as Cram writes it into `FILE.err`:
/// text and commands stay; every line of output stands as Cram shows it, and a status other than 0 behind it.
/// Where the shell ended, what came behind is left out, as is (Cram's defect) the last byte of the output.
/// @param results of the commands in order, one for each up to the one within which the shell ended
std::string cram_rewritten(std::string_view source, const std::vector<CramResult>& results,
                           size_t indent = 2);
inline std::string cram_rewritten(const Document& document, const std::vector<CramResult>& results,
                                  size_t indent = 2) {
  return cram_rewritten(document.source, results, indent);
}

/// The unified difference between a test and `rewritten` as Cram prints it, byte for byte; empty when its
/// matchers take all of it: the test passes.
/// @param name, rewritten_name for its first two lines: Cram's are the path and the path with ".err"
std::string cram_difference(std::string_view source, std::string_view rewritten, std::string_view name,
                            std::string_view rewritten_name);

}  // namespace testctr::script
