#include "bundle/compare.h"

#include <algorithm>
#include <utility>

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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_of_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/// The length of the duration that a text begins with ("300ms", "1.5s"); 0: none.
size_t duration_at(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || (text[end] == '.' && end > 0))) ++end;
  if (end == 0) return 0;
  for (const std::string_view unit : {"ns", "us", "ms", "s", "min", "m", "h"}) {
    const size_t behind = end + unit.size();
    if (text.substr(end).starts_with(unit) && (behind == text.size() || !is_of_word(text[behind])))
      return behind;
  }
  return 0;
}

/// An error's first line - behind it is what to do - without the paths and times of that very run.
std::string kept_of(std::string_view error) {
  error = error.substr(0, error.find('\n'));
  std::string kept;
  bool in_word = false;
  for (size_t at = 0; at < error.size();) {
    size_t skipped = 0;
    if (!in_word && error[at] == '/')
      skipped = std::min(error.find_first_of(" \t\"'`(),:;", at), error.size()) - at;
    else if (!in_word)
      skipped = duration_at(error.substr(at));
    in_word = skipped == 0 && is_of_word(error[at]);
    kept += skipped == 0 ? error[at] : error[at] == '/' ? '/' : '#';
    at += std::max<size_t>(skipped, 1);
  }
  return kept;
}

bool same_error(const RecordedTest& a, const RecordedTest& b) {
  // Bundles of before do not say whose fault it was.
  const bool same_fault = a.fault.empty() || b.fault.empty() || a.fault == b.fault;
  return same_fault && kept_of(a.reason) == kept_of(b.reason);
}

bool same_failure(const RecordedTest& a, const RecordedTest& b) {
  if (a.outcome == Outcome::error && !same_error(a, b)) return false;
  const RecordedStep *one = a.failure(), *other = b.failure();
  if (one == nullptr || other == nullptr) return one == other;
  return one->line == other->line && one->file == other->file && one->place == other->place &&
         one->reason == other->reason;
}

Verdict verdict_of(const RecordedTest& recorded, const RecordedTest& now) {
  if (recorded.outcome == now.outcome && same_failure(recorded, now)) return Verdict::reproduced;
  // A test that is wrong is so everywhere; of a machine or an image at fault nothing follows.
  if (now.outcome == Outcome::not_run || (now.outcome == Outcome::error && now.fault != "usage"))
    return Verdict::cannot_tell;
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
    case Verdict::cannot_tell:
      return "cannot tell";
    case Verdict::differs:
      return "differs";
    case Verdict::not_reproduced:
      return "not reproduced";
  }
  return "";
}

int exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::reproduced:
      return 0;
    case Verdict::cannot_tell:
      return exit_code(Fault::infrastructure);
    case Verdict::differs:
      return 6;
    case Verdict::not_reproduced:
      return 1;
  }
  return exit_code(Fault::internal);
}

Comparison compare(const Recording& recorded, const Recording& now) {
  Comparison comparison;
  for (size_t i = 0; i < recorded.tests.size(); ++i) {
    static const RecordedTest none;
    const RecordedTest &before = recorded.tests[i], &after = i < now.tests.size() ? now.tests[i] : none;
    const Verdict verdict = verdict_of(before, after);
    if (verdict > std::exchange(comparison.verdict, std::max(comparison.verdict, verdict)))
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
