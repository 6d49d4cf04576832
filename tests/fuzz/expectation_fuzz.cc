// Any bytes as an expected line and as output: nothing crashes, and output written as an expectation matches.
// Input: a byte of settings, the expectation's text, "\n", a line.
#include <cstdint>
#include <cstdlib>

#include "script/compare.h"
#include "script/expectation.h"

using namespace testctr;
using namespace testctr::script;

namespace {

// What is written for a line matches it, in our own eyes and in the other tool's.
void round_trip(std::string_view line, Dialect dialect) {
  for (bool behind : {false, true}) {
    const std::string text = expectation_for(line, dialect, behind);
    if (text.find('\n') != std::string::npos) std::abort();
    const Expectation parsed = parse_expectation(text, dialect);
    if (parsed.optional || parsed.multi) std::abort();
    auto matcher = LineMatcher::make(parsed, dialect, Compat::none, nullptr);
    if (!matcher.ok() || !matcher.value().matches(line) || !matcher.value().is_exact()) std::abort();
    if (dialect == Dialect::cram && line.find('\r') == std::string_view::npos) {
      auto cram =
          LineMatcher::make(parse_expectation(text, dialect, Compat::cram), dialect, Compat::cram, nullptr);
      if (!cram.ok() || !cram.value().matches(line)) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t setting = data[0];
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view text = all.substr(0, std::min(all.find('\n'), all.size()));
  const std::string line(all.substr(std::min(text.size() + 1, all.size())));
  const Dialect dialect = (setting & 1) != 0 ? Dialect::cram : Dialect::markdown;
  const Compat compat = static_cast<Compat>((setting >> 1) % 3);
  const Variables variables{{"A", "a*"}, {"B_1", "\\x\xff"}, {"C", "\""}};
  const Expectation parsed = parse_expectation(text, dialect, compat);
  if (parsed.text != text || !text.starts_with(parsed.pattern)) std::abort();
  (void)check(parsed, dialect, compat);
  auto matcher = LineMatcher::make(parsed, dialect, compat, (setting & 8) != 0 ? &variables : nullptr);
  if (matcher.ok()) {
    if (compat == Compat::none && (setting & 8) == 0 && !matcher.value().matches(std::string(text) + "\n"))
      std::abort();
    (void)matcher.value().matches(line);
    (void)matcher.value().captures(line);
    for (const std::string& named : matcher.value().named_lines()) {
      if (!matcher.value().matches(named)) std::abort();
    }
  } else if (matcher.error().fault() != Fault::usage) {
    std::abort();
  }
  for (std::string_view one : output_lines(line)) round_trip(one, dialect);
  if (normalised(line, true, false) != line) std::abort();
  if (normalised(line, (setting & 16) != 0, true).size() > line.size()) std::abort();
  (void)check_json_schema(text, line);
  return 0;
}
