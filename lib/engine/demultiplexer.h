// A container's output as an engine sends it, both streams in one: for each piece eight bytes - which stream,
// three zeros, the length, big-endian - and the piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::engine {

class Demultiplexer {
 public:
  /// Takes bytes as they came, cut anywhere; those of standard output go to `out`. An error on what no engine
  /// sends; nothing is held but the end of standard error.
  Status take(std::string_view came, std::string& out);
  /// What came last on standard error.
  [[nodiscard]] std::string errors() const;

 private:
  static constexpr size_t header_size = 8;
  static constexpr size_t errors_kept = size_t{4} << 10;
  Status begin();

  std::string header_, errors_;
  size_t rest_ = 0;
  int stream_ = 1;
};

}  // namespace testctr::engine
