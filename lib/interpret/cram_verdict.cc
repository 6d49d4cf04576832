#include "interpret/cram_verdict.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace testctr::interpret {
namespace {

constexpr size_t diff_most = size_t{64} << 10;
/// Lines in front of a case: each shell reads them all, so that very long documents do without.
constexpr size_t lines_most = 10'000;

/// The first line of a test that a unified difference takes away, or behind which it adds something.
uint32_t first_line(std::string_view difference) {
  uint32_t line = 1;
  bool inside = false;
  for (std::string_view text : text::lines(difference)) {
    if (text.starts_with("@@ -") && !inside) {
      (void)std::from_chars(text.data() + 4, text.data() + text.size(), line);
      inside = true;
    } else if (inside && text.starts_with(' ')) {
      ++line;
    } else if (inside) {
      return text.starts_with('+') && line > 1 ? line - 1 : line;
    }
  }
  return line;
}

std::string cut(std::string difference) {
  if (difference.size() <= diff_most) return difference;
  difference.resize(difference.rfind('\n', diff_most) + 1);
  return difference + "... (more)\n";
}

}  // namespace

CramVerdicts::CramVerdicts(const std::vector<script::Document>& parts, std::string shell, std::string control,
                           uint64_t most)
    : parts_(parts), shell_(std::move(shell)), place_(std::move(control) + "/case: "), most_(most) {}

std::string CramVerdicts::expression(size_t part, const script::Case& test) {
  if (part != part_) lines_ = 0;
  part_ = part;
  ++lines_;  // what Cram asks its shell for between two commands
  std::string placed(lines_ <= lines_most ? lines_ : 0, '\n');
  lines_ += 1 + static_cast<size_t>(std::count(test.expression.begin(), test.expression.end(), '\n'));
  return placed + test.expression;
}

std::optional<std::string> CramVerdicts::as_from_input(std::string_view output) const {
  size_t at = output.find(place_);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string in_front = shell_ + ": ";
  std::string out;
  size_t copied = 0;
  for (; at != std::string_view::npos; at = output.find(place_, at + place_.size())) {
    out += output.substr(copied, at - copied);
    copied = at + place_.size();
    // "SHELL: 4: FILE: nosuch: not found", and bash's "FILE: line 4: nosuch: command not found"
    std::string_view before = out;
    const bool numbered = before.ends_with(": ");
    if (numbered) before.remove_suffix(2);
    size_t digits = 0;
    while (!before.empty() && before.back() >= '0' && before.back() <= '9') {
      before.remove_suffix(1);
      ++digits;
    }
    if (numbered && digits > 0 && before.ends_with(in_front)) continue;
    out += output.substr(copied).starts_with("line ") ? in_front : place_;
  }
  out += output.substr(copied);
  return out;
}

void CramVerdicts::take(CramCase ended) {
  held_ += ended.output.size();
  cases_.push_back(std::move(ended));
}

std::vector<CramCase> CramVerdicts::settle() {
  std::vector<CramCase> cases = std::exchange(cases_, {});
  for (size_t begin = 0, end = 0; begin < cases.size() && whole_; begin = end) {
    while (end < cases.size() && cases[end].part == cases[begin].part) ++end;
    judge_part(cases, begin, end);
  }
  return cases;
}

void CramVerdicts::judge_part(std::vector<CramCase>& cases, size_t begin, size_t end) const {
  const script::Document& document = parts_[cases[begin].part];
  std::vector<script::CramResult> results;
  for (size_t i = begin; i < end; ++i) {
    std::optional<int> status;
    if (!cases[i].shell_ended) status = cases[i].code;
    results.push_back({std::move(cases[i].output), status});
  }
  const std::string rewritten =
      script::cram_rewritten(document.source, results, document.cases.front().indent.size());
  std::string difference = script::cram_difference(document.source, rewritten, text::printable(document.name),
                                                   text::printable(document.name) + ".err");
  const auto first = cases.begin() + static_cast<ptrdiff_t>(begin);
  const auto last = cases.begin() + static_cast<ptrdiff_t>(end);
  if (difference.empty()) {
    std::for_each(first, last, [](CramCase& one) { one.verdict.passed = true; });
    return;
  }
  const bool blamed = std::any_of(first, last, [](const CramCase& one) { return !one.verdict.passed; });
  // A document that was not run to its end is red without one of these.
  if (blamed || end - begin < document.cases.size()) return;
  const uint32_t line = first_line(difference);
  auto guilty = std::find_if(first, last, [&](const CramCase& one) { return one.test->line > line; });
  if (guilty != first) --guilty;
  guilty->verdict.passed = false;
  guilty->verdict.line = line;
  guilty->verdict.failure = {};
  guilty->verdict.failure.reason = "the document is not what Cram would write in its place";
  guilty->verdict.failure.diff = cut(std::move(difference));
}

}  // namespace testctr::interpret
