#include "bundle/compare.h"

#include "base/text.h"
#include "interpret/diff.h"

namespace testctr::bundle {
namespace {

std::string place_of(const RecordedTest& test, const RecordedStep& step) {
  return fmt::format("{}:{}", text::printable(step.file.empty() ? test.name : step.file), step.line);
}

std::string told(const RecordedTest& test) {
  std::string words(to_string(test.outcome));
  if (const RecordedStep* failure = test.failure())
    return fmt::format("{} at {}: {}", words, place_of(test, *failure), text::printable(failure->reason));
  if (test.reason.empty()) return words;
  return fmt::format("{} ({})", words, text::printable(test.reason.substr(0, test.reason.find('\n'))));
}

bool went_wrong(Outcome outcome) { return outcome == Outcome::fail || outcome == Outcome::error; }

bool same_failure(const RecordedTest& a, const RecordedTest& b) {
  const RecordedStep *one = a.failure(), *other = b.failure();
  // An error's words hold numbers and paths of that very run.
  if (one == nullptr || other == nullptr) return (one == nullptr) == (other == nullptr);
  return one->line == other->line && one->file == other->file && one->place == other->place &&
         one->reason == other->reason;
}

Verdict verdict_of(const RecordedTest& recorded, const RecordedTest& now) {
  if (recorded.outcome == now.outcome && same_failure(recorded, now)) return Verdict::reproduced;
  if (went_wrong(recorded.outcome) && now.outcome == Outcome::pass) return Verdict::not_reproduced;
  return Verdict::differs;
}

/// The first step of a test that did not print what is recorded.
std::string difference_of_output(const RecordedTest& recorded, const RecordedTest& now) {
  for (size_t i = 0; i < std::min(recorded.steps.size(), now.steps.size()); ++i) {
    const RecordedStep &one = recorded.steps[i], &other = now.steps[i];
    if (one.line != other.line || one.place != other.place) return "";
    for (const auto& [name, before, after] :
         {std::tuple("stdout", &one.out, &other.out), std::tuple("stderr", &one.err, &other.err)}) {
      if (*before == *after) continue;
      const std::string diff = interpret::unified_diff("recorded", *before, "now", *after);
      return fmt::format("{}, {} of `{}`:\n{}", place_of(recorded, one), name,
                         text::printable(one.command.substr(0, one.command.find('\n'))),
                         text::printable(diff, /*keep_layout=*/true));
    }
  }
  return "";
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::reproduced:
      return "reproduced";
    case Verdict::differs:
      return "differs";
    case Verdict::not_reproduced:
      return "not reproduced";
  }
  return "";
}

int exit_code(Verdict verdict) {
  return verdict == Verdict::reproduced ? 0 : verdict == Verdict::not_reproduced ? 1 : 6;
}

Comparison compare(const Recording& recorded, const Recording& now) {
  Comparison comparison;
  for (size_t i = 0; i < recorded.tests.size(); ++i) {
    static const RecordedTest none;
    const RecordedTest &before = recorded.tests[i], &after = i < now.tests.size() ? now.tests[i] : none;
    const Verdict verdict = verdict_of(before, after);
    comparison.verdict = std::max(comparison.verdict, verdict);
    if (verdict != Verdict::reproduced && comparison.outcome.empty())
      comparison.outcome =
          fmt::format("{}: recorded {}; now {}", text::printable(before.name), told(before), told(after));
    if (comparison.output.empty()) comparison.output = difference_of_output(before, after);
  }
  for (const auto& [name, value] : recorded.surroundings) {
    const auto here = now.surroundings.find(name);
    const std::string own = here == now.surroundings.end() ? "" : here->second;
    if (own != value)
      comparison.surroundings.push_back(
          fmt::format("{}: recorded {}; here {}", name, text::printable(value), text::printable(own)));
  }
  return comparison;
}

}  // namespace testctr::bundle
