// Output against expectations: the steps keep their promises, the verdict is theirs, and what matches under
// Cram is what Cram prints no difference for. Input: a byte of settings, expectations a line each, "\0", the
// output.
#include <cstdint>
#include <cstdlib>

#include "script/compare.h"
#include "script/cram_output.h"

using namespace testctr;
using namespace testctr::script;

namespace {

void verify(const std::vector<Expectation>& expectations, const std::vector<std::string_view>& lines,
            const CompareOptions& options, const Comparison& comparison) {
  size_t e = 0, l = 0;
  bool all = true;
  for (const Step& step : comparison.steps) {
    if (step.kind != Step::Kind::unexpected && step.expectation != e++) std::abort();
    if (step.kind != Step::Kind::missing) {
      if (step.line != l) std::abort();
      l += step.lines;
    }
    all = all && step.kind == Step::Kind::matched;
    if (step.kind != Step::Kind::matched) continue;
    const Expectation& expectation = expectations[step.expectation];
    if (step.lines > 1 && !expectation.multi) std::abort();
    if (step.lines == 0 && !expectation.optional) std::abort();
    auto matcher = LineMatcher::make(expectation, options.dialect, options.compat, nullptr);
    for (size_t k = 0; k < step.lines && options.compat != Compat::cram; ++k) {
      if (!matcher.value().matches(lines[step.line + k])) std::abort();
    }
  }
  if (e != expectations.size() || l != lines.size() || all != comparison.equal) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  CompareOptions options;
  options.dialect = (data[0] & 1) != 0 ? Dialect::cram : Dialect::markdown;
  options.compat = static_cast<Compat>((data[0] >> 1) % 3);
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view head = all.substr(0, std::min(all.find('\0'), all.size()));
  const std::string_view output = all.substr(std::min(head.size() + 1, all.size()));
  std::vector<Expectation> expectations;
  std::string body;
  for (std::string_view line : output_lines(head)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    expectations.push_back(parse_expectation(line, options.dialect, options.compat));
    body += "  " + std::string(line) + "\n";
  }
  auto made = compare(expectations, output, options);
  if (!made.ok()) {
    if (made.error().fault() != Fault::usage) std::abort();
    return 0;
  }
  verify(expectations, output_lines(output, options), options, made.value());
  const std::string shown = render_difference(expectations, output, made.value(), options, 4096);
  if (shown.size() > 4096 || shown.empty() != made.value().equal) std::abort();
  if (options.dialect == Dialect::cram && options.compat == Compat::cram) {
    const std::string rewritten = cram_rewritten("", {{std::string(output), 0}});
    if (cram_difference(body, rewritten, "a", "b").empty() != made.value().equal) std::abort();
  }
  (void)cram_rewritten(all, {{std::string(output), 1}, {std::string(head), std::nullopt}});
  return 0;
}
