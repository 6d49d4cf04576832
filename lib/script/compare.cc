#include "script/compare.h"

#include "base/text.h"
#include "script/difflib.h"
#include "script/escapes.h"
#include "script/sequence.h"

namespace testctr::script {

namespace {

bool is_like_cram(const CompareOptions& options) {
  return options.compat == Compat::cram && options.dialect == Dialect::cram;
}

Result<std::vector<LineMatcher>> matchers_for(const std::vector<Expectation>& expectations,
                                              const CompareOptions& options) {
  std::vector<LineMatcher> matchers;
  matchers.reserve(expectations.size());
  for (const Expectation& expectation : expectations) {
    matchers.push_back(TRY_IN(
        LineMatcher::make(expectation, options.dialect, options.compat, options.variables, options.indent),
        fmt::format("line {}", expectation.line)));
  }
  return matchers;
}

// As Cram does it: line by line, and where that fails by Python's difflib.
Comparison compare_like_cram(const std::vector<Expectation>& expectations,
                             const std::vector<std::string_view>& lines, size_t indent) {
  const std::string blanks(indent, ' ');
  std::vector<std::string> expected, actual;
  for (const Expectation& expectation : expectations) expected.push_back(blanks + expectation.text + "\n");
  for (std::string_view line : lines) actual.push_back(blanks + cram_rendering(line));
  Comparison result;
  result.equal = true;
  for (const Opcode& code : difflib_opcodes(expected, actual)) {
    if (code.equal) {
      for (uint32_t k = 0; k < code.a_end - code.a_begin; ++k)
        result.steps.push_back({Step::Kind::matched, code.a_begin + k, code.b_begin + k, 1});
      continue;
    }
    result.equal = false;
    for (uint32_t e = code.a_begin; e < code.a_end; ++e)
      result.steps.push_back({Step::Kind::missing, e, 0, 0});
    if (code.b_begin < code.b_end)
      result.steps.push_back({Step::Kind::unexpected, 0, code.b_begin, code.b_end - code.b_begin});
  }
  return result;
}

void take_captures(Comparison& comparison, const std::vector<Expectation>& expectations, const Table& table) {
  for (const Step& step : comparison.steps) {
    if (step.kind != Step::Kind::matched || step.lines == 0) continue;
    const Expectation& expectation = expectations[step.expectation];
    if (expectation.rule != Rule::regex || expectation.pattern.find("(?P<") == std::string::npos) continue;
    const auto e = static_cast<uint32_t>(step.expectation), l = static_cast<uint32_t>(step.line);
    for (uint32_t k = 0; k < step.lines; ++k) {
      for (auto& [name, value] : table.matcher(e).captures(table.line(l + k)))
        comparison.captures[name] = std::move(value);
    }
  }
}

std::vector<std::string_view> python_lines(std::string_view output) {
  std::vector<std::string_view> lines;
  while (!output.empty()) {
    size_t end = std::min(output.find_first_of("\r\n"), output.size() - 1) + 1;
    if (output[end - 1] == '\r' && output.substr(end).starts_with('\n')) ++end;
    lines.push_back(output.substr(0, end));
    output.remove_prefix(end);
  }
  return lines;
}

}  // namespace

Result<Comparison> compare(const std::vector<Expectation>& expectations, std::string_view output,
                           const CompareOptions& options) {
  std::vector<std::string_view> lines = output_lines(output, options);
  constexpr size_t most = size_t{1} << 30;
  if (expectations.size() > most || lines.size() > most) return Error::usage("too many lines to be compared");
  if (is_like_cram(options)) return compare_like_cram(expectations, lines, options.indent);
  Table table(expectations, TRY(matchers_for(expectations, options)), std::move(lines));
  Aligned aligned = options.compat == Compat::scrut ? align_like_scrut(table) : align(table);
  if (!aligned.decided) {
    return Error::usage(fmt::format("{} lines of output can be assigned to {} expectations in too many ways",
                                    table.lines(), table.expectations()))
        .hint("let fewer expectations be optional or repeated");
  }
  Comparison result{aligned.equal, std::move(aligned.steps), {}};
  take_captures(result, expectations, table);
  return result;
}

std::vector<std::string_view> output_lines(std::string_view output) { return text::lines(output); }

std::vector<std::string_view> output_lines(std::string_view output, const CompareOptions& options) {
  return is_like_cram(options) ? python_lines(output) : text::lines(output);
}

}  // namespace testctr::script
