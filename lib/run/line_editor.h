// A line that somebody types on a terminal which hands over each key: what the keys make of it, and what the
// terminal is to be sent so that it shows that. Knows no descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::run {

class LineEditor {
 public:
  /// What a key means beyond the line.
  enum class Key : uint8_t {
    none,
    line,       ///< the line is whole
    end,        ///< of input: Ctrl-D where nothing is typed
    drop,       ///< Ctrl-C, and the line was thrown away
    interrupt,  ///< Ctrl-C where nothing is typed
    suspend,    ///< Ctrl-Z
  };

  /// An empty line. @param prompt printable, stands before it
  void begin(std::string prompt);
  [[nodiscard]] const std::string& prompt() const { return prompt_; }
  /// Takes the next byte from the terminal. Escape sequences that mean nothing here are swallowed.
  Key take(char byte);
  /// What has the terminal show the line as it is now. One that does not fit is shown around the cursor.
  std::string draw(size_t columns);
  /// The same for a line that is whole: all of it, wherever the terminal breaks it, and its end.
  std::string draw_whole();
  /// What was drawn is not to be relied on. @param blank the cursor is in a line with nothing in it
  void forget_drawn(bool blank) {
    drawn_.clear();
    blank_ = blank;
  }
  /// The line, for whoever asked for it. The history has it, too, unless it is blank or the same as the last.
  std::string finish();

 private:
  enum class State : uint8_t { plain, escape, csi, ss3, text };
  void take_control(unsigned char byte);
  void take_final(char final);
  void insert(char byte);
  void erase(size_t from, size_t to);
  [[nodiscard]] size_t before(size_t at) const;
  [[nodiscard]] size_t behind(size_t at) const;
  [[nodiscard]] size_t word_before(size_t at) const;
  void recall(size_t entry);

  std::string prompt_, line_;
  size_t cursor_ = 0;  ///< a byte of `line_`, or its end
  State state_ = State::plain;
  size_t number_ = 0;  ///< the first one of a sequence
  bool clear_ = false, blank_ = true;
  std::string drawn_;  ///< with the cursor behind it; empty: unknown
  std::vector<std::string> history_;
  size_t entry_ = 0;   ///< what is shown of it; its size: what was typed
  std::string typed_;  ///< while something else is shown
};

}  // namespace testctr::run
