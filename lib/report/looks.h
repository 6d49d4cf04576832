// How lines of the report for people look: in colours, without, or said in words for who hears them.
#pragma once

#include <string>
#include <string_view>

#include "report/render.h"

namespace testctr::report {

/// Which colours a terminal is given.
enum class Palette : uint8_t {
  none,
  basic,  ///< the terminal's own eight, of these what can be read on light and on dark grounds
  fixed,  ///< colours of the 256 that are the same everywhere, as far from white as from black
};

/// The sequence that begins a style; empty: none. Each has a contrast of 3.8 or more to black and to white,
/// or is a colour of the terminal's own.
std::string_view code_of(Style style, Palette palette);
/// The same for the word that says how a script ended, and for the summary.
std::string_view code_of(Outcome outcome, Palette palette);
/// `text` in that code; nothing is added where the code is empty.
std::string painted(std::string_view code, std::string_view text);

/// "ok   ", "FAIL ": how the line of a script begins.
std::string_view label_of(Outcome outcome);
/// "passed", "failed": the same in a word.
std::string_view word_of(Outcome outcome);

/// Says lines of a report in words, where others have signs that are only to be seen: "command: exec true"
/// for
/// "> exec true", "expected: a" for the "-a" of a difference. One for each script.
class InWords {
 public:
  std::string operator()(Style style, std::string_view line);

 private:
  bool in_difference_ = false;
};

}  // namespace testctr::report
