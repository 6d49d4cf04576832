#include "script/difflib.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "script/cram_match.h"

namespace testctr::script {

namespace {

constexpr uint64_t most_work = 400'000'000;
constexpr std::string_view escape_mark = " (esc)\n";

struct Block {
  uint32_t a = 0, b = 0, size = 0;
};
struct Range {
  uint32_t a = 0, a_end = 0, b = 0, b_end = 0;
};

class Matcher {
 public:
  Matcher(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    for (const std::string& line : a) a_.push_back(number(line));
    for (const std::string& line : b) b_.push_back(number(line));
    places_.resize(texts_.size());
    patterns_.resize(texts_.size());
    for (uint32_t j = 0; j < b_.size(); ++j) places_[b_[j]].push_back(j);
    if (b_.size() >= 200) {
      for (auto& places : places_) {
        if (places.size() > b_.size() / 100 + 1) places.clear();
      }
    }
    lengths_.resize(b_.size() + 1);
    before_.resize(b_.size() + 1);
  }

  std::vector<Block> blocks() {
    std::vector<Block> found;
    std::vector<Range> open{{0, size(a_), 0, size(b_)}};
    while (!open.empty() && work_ < most_work) {
      const Range range = open.back();
      open.pop_back();
      const Block block = longest_with_patterns(range);
      if (block.size == 0) continue;
      found.push_back(block);
      if (range.a < block.a && range.b < block.b) open.push_back({range.a, block.a, range.b, block.b});
      const uint32_t a = block.a + block.size, b = block.b + block.size;
      if (a < range.a_end && b < range.b_end) open.push_back({a, range.a_end, b, range.b_end});
    }
    std::sort(found.begin(), found.end(), [](const Block& x, const Block& y) { return x.a < y.a; });
    return found;
  }

 private:
  static uint32_t size(const std::vector<uint32_t>& lines) { return static_cast<uint32_t>(lines.size()); }

  uint32_t number(const std::string& line) {
    const auto [found, is_new] = numbers_.try_emplace(line, static_cast<uint32_t>(texts_.size()));
    if (is_new) texts_.push_back(line);
    return found->second;
  }

  bool fits(uint32_t a, uint32_t b) {
    auto& pattern = patterns_[a];
    if (!pattern) pattern.emplace(texts_[a]);
    if (!pattern->is_pattern() && !texts_[b].ends_with(escape_mark)) return false;
    const auto [answer, is_new] = answers_.try_emplace(uint64_t{a} << 32 | b, false);
    if (is_new) {
      work_ += 50 + texts_[b].size();
      answer->second = pattern->matches(texts_[b]);
    }
    return answer->second;
  }

  // Lines of `a` that match the line opposite take its place while the block is looked for.
  Block longest_with_patterns(const Range& range) {
    std::vector<std::pair<uint32_t, uint32_t>> replaced;
    const uint32_t count = std::min(range.a_end - range.a, range.b_end - range.b);
    work_ += count;
    for (uint32_t n = 0; n < count; ++n) {
      uint32_t& line = a_[range.a + n];
      const uint32_t opposite = b_[range.b + n];
      if (line == opposite || !fits(line, opposite)) continue;
      replaced.emplace_back(range.a + n, line);
      line = opposite;
    }
    const Block block = longest(range);
    for (const auto& [at, line] : replaced) a_[at] = line;
    return block;
  }

  // The longest block; of equally long ones the first in `a`, of these the first in `b`.
  Block longest(const Range& range) {
    Block best{range.a, range.b, 0};
    std::vector<uint32_t> touched, touched_before;
    for (uint32_t i = range.a; i < range.a_end; ++i) {
      const auto& places = places_[a_[i]];
      auto place = std::lower_bound(places.begin(), places.end(), range.b);
      for (; place != places.end() && *place < range.b_end; ++place) {
        const uint32_t j = *place, length = before_[j] + 1;
        lengths_[j + 1] = length;
        touched.push_back(j + 1);
        if (length > best.size) best = {i + 1 - length, j + 1 - length, length};
      }
      work_ += touched.size() + 1;
      for (uint32_t j : touched_before) before_[j] = 0;
      std::swap(lengths_, before_);
      std::swap(touched, touched_before);
      touched.clear();
    }
    for (uint32_t j : touched_before) before_[j] = 0;
    // Popular lines begin no block, but belong to one that they touch.
    while (best.a > range.a && best.b > range.b && a_[best.a - 1] == b_[best.b - 1]) {
      --best.a;
      --best.b;
      ++best.size;
    }
    while (best.a + best.size < range.a_end && best.b + best.size < range.b_end &&
           a_[best.a + best.size] == b_[best.b + best.size])
      ++best.size;
    return best;
  }

  std::unordered_map<std::string_view, uint32_t> numbers_;
  std::vector<std::string_view> texts_;
  std::vector<uint32_t> a_, b_;
  std::vector<std::vector<uint32_t>> places_;  ///< where in `b` a line stands, unless it is popular
  std::vector<std::optional<CramPattern>> patterns_;
  std::unordered_map<uint64_t, bool> answers_;
  std::vector<uint32_t> lengths_, before_;  ///< of blocks that end before a line of `b`; zero between uses
  uint64_t work_ = 0;
};

}  // namespace

std::vector<Opcode> difflib_opcodes(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<Opcode> codes;
  uint32_t i = 0, j = 0;
  auto differ = [&](uint32_t a_end, uint32_t b_end) {
    if (i < a_end || j < b_end) codes.push_back({false, i, a_end, j, b_end});
    i = a_end;
    j = b_end;
  };
  for (const Block& block : Matcher(a, b).blocks()) {
    differ(block.a, block.b);
    const Opcode equal{true, i, i + block.size, j, j + block.size};
    if (!codes.empty() && codes.back().equal) {
      codes.back().a_end = equal.a_end;
      codes.back().b_end = equal.b_end;
    } else {
      codes.push_back(equal);
    }
    i = equal.a_end;
    j = equal.b_end;
  }
  differ(static_cast<uint32_t>(a.size()), static_cast<uint32_t>(b.size()));
  return codes;
}

}  // namespace testctr::script
