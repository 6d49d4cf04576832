// The readable table of a system call filter (third_party/seccomp/default.table): parsed when the project is
// built, by the tool that makes the filters, and at run time to be shown and to be compared with what the
// filters do. The grammar stands in the table's own head.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::sandbox {

enum class Verdict : uint8_t { allow, deny, nosys, fake };

/// "argN & MASK is one of VALUES", or its opposite.
struct ArgumentTest {
  unsigned argument = 0;
  uint32_t mask = 0xFFFFFFFF;
  std::vector<uint32_t> values;
  bool negated = false;

  [[nodiscard]] bool holds(uint64_t value) const;
};

struct TableRule {
  std::string name;
  Verdict verdict = Verdict::nosys;
  std::optional<ArgumentTest> when;
  Verdict otherwise = Verdict::nosys;  ///< with `when` only
  size_t line = 0;

  /// The verdict for these six arguments.
  [[nodiscard]] Verdict judge(const uint64_t* arguments) const;
};

struct Table {
  std::map<std::string, TableRule> rules;
  std::map<std::string, int> numbers;  ///< x86-64 numbers of calls that the library does not know
};

/// Parses the table's text. @return the table, or "line N: what is wrong" in `error` and nothing.
std::optional<Table> parse_table(std::string_view text, std::string& error);

}  // namespace testctr::sandbox
