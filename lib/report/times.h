// Times as reports show them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace testctr::report {

/// "0.003s", "12.4s", "3m05s".
inline std::string seconds(int64_t ns) {
  const double s = static_cast<double>(ns) / 1e9;
  if (s < 10) return fmt::format("{:.3f}s", s);
  if (s < 60) return fmt::format("{:.1f}s", s);
  const int64_t whole = ns / 1'000'000'000;
  return fmt::format("{}m{:02}s", whole / 60, whole % 60);
}

}  // namespace testctr::report
