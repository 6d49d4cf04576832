// The person before a test that stands still, as the process in its place sees him.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::interpret {

struct Standpoint;

/// A line that a test is to stop before.
struct Break {
  std::string file;  ///< the name of the script, or of the part of a document
  uint32_t line = 0;
  bool operator==(const Break&) const = default;
};
inline bool is_break(const std::vector<Break>& breaks, const std::string& file, uint32_t line) {
  return std::find(breaks.begin(), breaks.end(), Break{file, line}) != breaks.end();
}

class Console {
 public:
  virtual ~Console() = default;
  /// From here to `close` the test stands still, and so do its time limits. @return false: nobody is there
  virtual bool open() = 0;
  /// Waits for a line, which comes without its end. @return nothing: there will be none any more
  virtual std::optional<std::string> ask(const std::string& prompt) = 0;
  virtual void print(std::string_view text) = 0;
  /// A shell on his terminal, until it has ended. @return why there was none; empty: there was
  virtual std::string shell(const Standpoint& at) = 0;
  /// @param stepping the next line is to be stopped before, in whatever place it is carried out
  virtual void close(bool stepping) = 0;
};

}  // namespace testctr::interpret
