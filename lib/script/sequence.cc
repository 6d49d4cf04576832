#include "script/sequence.h"

namespace testctr::script {

Table::Table(const std::vector<Expectation>& expectations, std::vector<LineMatcher> matchers,
             std::vector<std::string_view> lines)
    : matchers_(std::move(matchers)), lines_(std::move(lines)) {
  std::unordered_map<std::string_view, uint32_t> seen;
  seen.reserve(lines_.size());
  numbers_.reserve(lines_.size());
  for (std::string_view line : lines_)
    numbers_.push_back(seen.try_emplace(line, static_cast<uint32_t>(seen.size())).first->second);
  std::unordered_map<std::string_view, uint32_t> kinds;
  kinds.reserve(expectations.size());
  rows_.reserve(expectations.size());
  for (size_t i = 0; i < expectations.size(); ++i) {
    Row row;
    row.optional = expectations[i].optional;
    row.multi = expectations[i].multi;
    row.exact = matchers_[i].is_exact();
    row.kind = kinds.try_emplace(expectations[i].text, static_cast<uint32_t>(kinds.size())).first->second;
    for (const std::string& named : matchers_[i].named_lines()) {
      auto found = seen.find(named);
      if (found != seen.end()) row.named.push_back(found->second);
    }
    rows_.push_back(std::move(row));
  }
  kinds_ = static_cast<uint32_t>(kinds.size());
}

bool Table::matches(uint32_t e, uint32_t l) {
  const Row& row = rows_[e];
  const uint32_t number = numbers_[l];
  for (uint32_t named : row.named) {
    if (named == number) return true;
  }
  if (row.exact) return false;
  constexpr size_t most_answers = 1 << 20;
  const uint64_t key = uint64_t{row.kind} << 32 | number;
  const auto known = answers_.find(key);
  if (known != answers_.end()) return known->second;
  work_ += 4 + lines_[l].size() / 32;
  const bool answer = matchers_[e].matches(lines_[l]);
  if (answers_.size() < most_answers) answers_.emplace(key, answer);
  return answer;
}

void Steps::matched(uint32_t e, uint32_t l, uint32_t lines) {
  steps_.push_back({Step::Kind::matched, e, l, lines});
}

void Steps::missing(uint32_t e) { steps_.push_back({Step::Kind::missing, e, 0, 0}); }

void Steps::unexpected(uint32_t l, uint32_t lines) {
  if (lines != 0) steps_.push_back({Step::Kind::unexpected, 0, l, lines});
}

void Steps::apart(const Table& table, const Part& part) {
  for (uint32_t e = part.e; e < part.e_end; ++e) {
    if (table.is_optional(e))
      matched(e, part.l, 0);
    else
      missing(e);
  }
  unexpected(part.l, part.lines());
}

std::vector<Step> Steps::take() {
  std::vector<Step> out;
  out.reserve(steps_.size());
  Step gap{Step::Kind::unexpected, 0, 0, 0};
  auto close = [&] {
    if (gap.lines != 0) out.push_back(gap);
    gap.lines = 0;
  };
  for (const Step& step : steps_) {
    if (step.kind == Step::Kind::unexpected) {
      if (gap.lines == 0) gap.line = step.line;
      gap.lines += step.lines;
      continue;
    }
    if (step.lines != 0) close();
    out.push_back(step);
    if (step.lines == 0 && step.kind == Step::Kind::matched && gap.lines != 0) out.back().line = gap.line;
  }
  close();
  steps_.clear();
  return out;
}

}  // namespace testctr::script
