#include "interpret/case_verdict.h"

#include <set>

#include "base/text.h"
#include "interpret/session.h"

namespace testctr::interpret {
namespace {

constexpr size_t diff_most = size_t{64} << 10;

/// The line of the first thing that does not hold: an expectation that is missing, or where lines stand that
/// nobody expects.
uint32_t first_difference(const script::Case& test, const script::Comparison& comparison) {
  const auto command_end = static_cast<uint32_t>(
      test.line + static_cast<uint32_t>(std::count(test.expression.begin(), test.expression.end(), '\n')));
  uint32_t before = command_end;
  std::optional<uint32_t> unexpected;
  for (const script::Step& step : comparison.steps) {
    switch (step.kind) {
      case script::Step::Kind::matched:
        before = test.expectations[step.expectation].line;
        break;
      case script::Step::Kind::missing:
        // Lines in the place of an expectation are that expectation's difference.
        return test.expectations[step.expectation].line;
      case script::Step::Kind::unexpected:
        if (!unexpected) unexpected = before;
        break;
    }
    if (unexpected && step.kind == script::Step::Kind::matched) return *unexpected;
  }
  return unexpected.value_or(before);
}

Result<CaseVerdict> judge_schema(const CaseView& view, const CaseOutput& output) {
  CaseVerdict verdict;
  std::string schema;
  for (const script::Expectation& expectation : view.test.expectations) schema += expectation.text + "\n";
  const uint32_t line = view.test.expectations.empty() ? view.test.line : view.test.expectations.front().line;
  const std::string problems = TRY_IN(script::check_json_schema(schema, output.compared),
                                      fmt::format("{}:{}", text::printable(view.document.name), line));
  verdict.passed = problems.empty();
  if (verdict.passed) return verdict;
  verdict.line = line;
  verdict.failure.reason = "the output does not hold against the JSON schema";
  verdict.failure.expected = excerpt(problems);
  verdict.failure.actual = excerpt(output.compared);
  return verdict;
}

Result<CaseVerdict> judge_output(const CaseView& view, const CaseOutput& output) {
  if (view.config.mode == script::Mode::jsonschema) return judge_schema(view, output);
  script::CompareOptions options{view.document.dialect, view.compat, view.variables};
  if (view.document.dialect == script::Dialect::cram) options.indent = view.test.indent.size();
  script::Comparison comparison = TRY_IN(script::compare(view.test.expectations, output.compared, options),
                                         text::printable(view.document.name));
  CaseVerdict verdict;
  verdict.passed = comparison.equal;
  verdict.captures = std::move(comparison.captures);
  if (verdict.passed) return verdict;
  verdict.line = first_difference(view.test, comparison);
  verdict.failure.reason = "the output is not what was expected";
  verdict.failure.diff =
      script::render_difference(view.test.expectations, output.compared, comparison, options, diff_most);
  return verdict;
}

}  // namespace

script::CaseConfig effective_config(const script::Document& document, const script::Case& test,
                                    const script::CaseConfig& defaults, const script::CaseConfig& overrides) {
  script::CaseConfig config = overrides.over(test.config.over(defaults));
  const bool cram = document.dialect == script::Dialect::cram;
  if (!config.stream) config.stream = cram ? script::Stream::combined : script::Stream::out;
  if (!config.keep_crlf) config.keep_crlf = cram;
  if (!config.mode) config.mode = script::Mode::output;
  if (!config.skip_document_code) config.skip_document_code = 80;
  if (!config.detached_kill_signal) config.detached_kill_signal = 15;
  return config;
}

Result<CaseVerdict> judge_case(const CaseView& view, const CaseOutput& output, std::optional<int> code,
                               const std::string& described) {
  CaseVerdict verdict = TRY(judge_output(view, output));
  const int wanted = view.test.code ? view.test.code->value : 0;
  if (!code || *code == wanted) return verdict;
  const std::string problem =
      wanted == 0 ? described : fmt::format("{}, expected exit status {}", described, wanted);
  // A wrong code is the cause, what was printed its consequence.
  verdict.failure.reason = verdict.passed ? problem : fmt::format("{}; {}", problem, verdict.failure.reason);
  verdict.line = view.test.code ? view.test.code->line : view.test.line;
  if (verdict.passed) {
    verdict.failure.expected = fmt::format("exit status {}", wanted);
    verdict.failure.actual = described;
  }
  verdict.passed = false;
  return verdict;
}

std::vector<std::string> names_in(const script::Case& test) {
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  std::set<std::string> names;
  for (const script::Expectation& expectation : test.expectations) {
    const std::string& text = expectation.text;
    for (size_t at = text.find('$'); at != std::string::npos && at + 1 < text.size();
         at = text.find('$', at + 1)) {
      size_t begin = at + 1;
      if (text[begin] == '$') {
        at = begin;
        continue;
      }
      if (text[begin] == '{') ++begin;
      size_t end = begin;
      while (end < text.size() && is_name(text[end])) ++end;
      if (end > begin && std::isdigit(static_cast<unsigned char>(text[begin])) == 0)
        names.insert(text.substr(begin, end - begin));
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace testctr::interpret
