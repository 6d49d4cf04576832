// Help on a narrow terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::cmd {

/// A text with lines broken between words so that none is longer than `columns`, but for words that are.
/// Paragraphs are filled anew; of a line in two columns (what stands after two blanks or more is the second
/// one) the further lines are indented below the second, or below the first where that leaves too little
/// room. What fits stays as it is. @param text ASCII
std::string fitted(std::string_view text, size_t columns);

/// Prints help to standard output: fitted to it where that is a terminal.
Status print_help(std::string_view text);

}  // namespace testctr::cmd
