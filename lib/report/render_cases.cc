// Documents: what became of their cases.
#include <map>

#include "base/text.h"
#include "report/render_parts.h"
#include "report/times.h"

namespace testctr::report {
namespace {

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::flaky:
    case Outcome::xfail:
      return "ok";
    case Outcome::fail:
    case Outcome::xpass:
      return "failed";
    case Outcome::error:
      return "error";
    case Outcome::skip:
      return "skipped";
    case Outcome::not_run:
      return "not run";
  }
  return "?";
}

std::string counted(uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

/// What a case printed and what was noted of it, but for the stream that is shown in another way.
void render_case_log(const ScriptReport& script, const CaseReport& test, std::string_view but,
                     const TakeLine& take) {
  const std::string left_out = fmt::format("[{}]\n", but);
  script.log.for_each(test.log, [&](Log::Kind kind, std::string_view text) {
    if (kind == Log::Kind::command) return;
    if (!but.empty() && kind == Log::Kind::output && text.starts_with(left_out)) return;
    // No $WORK: what a case printed is held against the document as it is.
    render_entry(kind, text, "", take);
  });
}

void render_failed_case(const ScriptReport& script, size_t index, const FailureAt& at, bool first,
                        const TakeLine& take) {
  const CaseReport& test = script.cases[index];
  const std::string head =
      fmt::format("FAIL: {}: {}: {}", place_of(script, at.file, at.line), test.name, at.failure.reason);
  each_line(head, [&](std::string_view line) { take(Style::failure, line); });
  if (first) {
    render_command(at.failure.command, "$ ", take);
    render_case_log(script, test, at.shown_stream, take);
  }
  render_difference(at.failure, take);
}

/// Cases that say nothing of their own: consecutive ones with the same reason in one line.
size_t render_passed_over(const ScriptReport& script, size_t from, const TakeLine& take) {
  const CaseReport& first = script.cases[from];
  size_t to = from + 1;
  while (to < script.cases.size() && script.cases[to].outcome == first.outcome &&
         script.cases[to].reason == first.reason)
    ++to;
  const std::string more =
      to - from == 1 ? "" : fmt::format(" and {} after it", counted(to - from - 1, "case"));
  take(Style::warning, fmt::format("{}: {}: {}{}: {}", first.outcome == Outcome::skip ? "SKIP" : "NOT RUN",
                                   place_of(script, first.file, first.line), first.name, more, first.reason));
  return to;
}

void render_verbose_case(const ScriptReport& script, const CaseReport& test, const TakeLine& take) {
  const std::string reason = test.reason.empty() ? "" : ": " + test.reason;
  take(Style::title, fmt::format("# {}: {}: {}{} ({})", place_of(script, test.file, test.line), test.name,
                                 word_of(test.outcome), reason, seconds(test.duration_ns)));
  script.log.for_each(test.log, [&](Log::Kind kind, std::string_view text) {
    if (kind == Log::Kind::command) return render_command(text, "$ ", take);
    render_entry(kind, text, "", take);
  });
}

}  // namespace

std::string counts_of(const ScriptReport& script) {
  const CaseCounts& counts = script.counts;
  if (counts.passed == counts.total() && script.outcome == Outcome::pass)
    return counted(counts.total(), "case");
  std::string text = script.beyond_cases()
                         ? counted(counts.passed, "case") + " passed"
                         : fmt::format("{} of {} passed", counts.passed, counted(counts.total(), "case"));
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.errors > 0) text += ", " + counted(counts.errors, "error");
  if (counts.skipped > 0) text += fmt::format(", {} skipped", counts.skipped);
  if (counts.not_run > 0) text += fmt::format(", {} not run", counts.not_run);
  return text;
}

void render_case(const ScriptReport& script, size_t index, const TakeLine& take) {
  bool first = true;
  for (const FailureAt& at : script.failures) {
    if (at.of_case != index) continue;
    render_failed_case(script, index, at, std::exchange(first, false), take);
  }
  if (first) render_case_log(script, script.cases[index], "", take);
}

void render_around_cases(const ScriptReport& script, std::string_view work, const TakeLine& take) {
  render_other_failures(script, work, take);
  if (script.failures_left_out > 0) {
    take(Style::warning, fmt::format("[... {} more failures are not shown; --json tells them all ...]",
                                     script.failures_left_out));
  }
  render_denials(script, take);
  for (const std::string& message : script.messages) take(Style::warning, fmt::format("[{}]", message));
  render_log_status(script, take);
}

void render_document(const ScriptReport& script, std::string_view work, bool verbose, const TakeLine& take) {
  auto at = script.failures.begin();
  for (size_t i = 0; i < script.cases.size();) {
    const CaseReport& test = script.cases[i];
    bool first = true;
    for (; at != script.failures.end() && at->of_case == i; ++at)
      render_failed_case(script, i, *at, std::exchange(first, false), take);
    const bool idle = test.outcome == Outcome::skip || test.outcome == Outcome::not_run;
    if (first && verbose) render_verbose_case(script, test, take);
    i = first && idle && !verbose ? render_passed_over(script, i, take) : i + 1;
  }
  render_around_cases(script, work, take);
  if (script.outcome == Outcome::error || script.outcome == Outcome::not_run)
    take(Style::note, counts_of(script));
}

std::vector<std::string> unique_names(const ScriptReport& script) {
  std::map<std::string, size_t> known;
  for (const CaseReport& test : script.cases) ++known[test.name];
  std::vector<std::string> names;
  std::map<std::string, size_t> used;
  for (const CaseReport& test : script.cases) {
    std::string name = test.name;
    if (known[name] > 1) {
      name += test.file.empty() ? fmt::format(" (line {})", test.line)
                                : fmt::format(" ({}:{})", text::printable(test.file), test.line);
    }
    // The same document may be included twice.
    if (const size_t before = used[name]++; before > 0) name += fmt::format(" #{}", before + 1);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace testctr::report
