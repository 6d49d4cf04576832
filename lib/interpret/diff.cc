// Myers' greedy algorithm where the texts are near to each other; where they are not, lines that occur once
// in both are anchors.
#include "interpret/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace testctr::interpret {
namespace {

constexpr size_t context = 3;
constexpr size_t window_lines = 50'000;
constexpr size_t window_bytes = size_t{8} << 20;
constexpr int max_distance =
    600;  // edits that Myers' algorithm may find; memory and time grow with its square
constexpr size_t max_output = size_t{64} << 10;
constexpr size_t longest_line = size_t{4} << 10;

using Lines = std::vector<std::string_view>;

/// A window of `text` as lines with their ends. @param cut set when there is more
Lines split(std::string_view text, bool& cut) {
  Lines lines;
  size_t at = 0;
  while (at < text.size() && lines.size() < window_lines && at < window_bytes) {
    size_t end = text.find('\n', at);
    end = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  cut = cut || at < text.size();
  return lines;
}

/// Numbers for lines, so that they are compared once.
struct Numbered {
  std::vector<uint32_t> a, b;
};

Numbered number_lines(const Lines& a, const Lines& b) {
  std::unordered_map<std::string_view, uint32_t> numbers;
  auto number = [&](const Lines& lines) {
    std::vector<uint32_t> result;
    result.reserve(lines.size());
    for (std::string_view line : lines) result.push_back(numbers.emplace(line, numbers.size()).first->second);
    return result;
  };
  Numbered numbered;
  numbered.a = number(a);
  numbered.b = number(b);
  return numbered;
}

/// Pairs of equal lines, rising in both: what is kept.
using Matches = std::vector<std::pair<size_t, size_t>>;

/// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), section 4. @return false when the
/// distance is too large
bool myers(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, size_t begin, size_t a_end,
           size_t b_end, Matches& matches) {
  const int n = static_cast<int>(a_end - begin), m = static_cast<int>(b_end - begin);
  std::vector<std::vector<int>> trace;
  std::vector<int> furthest(2 * max_distance + 3, 0);
  auto at = [](int k) { return static_cast<size_t>(k + max_distance + 1); };
  auto equal = [&](int x, int y) {
    return a[begin + static_cast<size_t>(x)] == b[begin + static_cast<size_t>(y)];
  };
  int distance = 0;
  for (bool found = false; !found; ++distance) {
    if (distance > max_distance) return false;
    for (int k = -distance; k <= distance; k += 2) {
      bool down = k == -distance || (k != distance && furthest[at(k - 1)] < furthest[at(k + 1)]);
      int x = down ? furthest[at(k + 1)] : furthest[at(k - 1)] + 1;
      while (x < n && x - k < m && x - k >= 0 && equal(x, x - k)) ++x;
      furthest[at(k)] = x;
      if (x >= n && x - k >= m) found = true;
    }
    trace.emplace_back(furthest.begin() + static_cast<long>(at(-distance)),
                       furthest.begin() + static_cast<long>(at(distance)) + 1);
  }
  Matches reversed;
  int x = n, y = m;
  for (int d = distance - 1; d >= 0 && (x > 0 || y > 0); --d) {
    int k = x - y;
    int from_x = 0, from_y = 0;
    if (d > 0) {
      const std::vector<int>& before = trace[static_cast<size_t>(d - 1)];
      auto value = [&](int diagonal) { return before[static_cast<size_t>(diagonal + d - 1)]; };
      bool down =
          k == -d || (k != d && (k - 1 < -(d - 1) ? -1 : value(k - 1)) < (k + 1 > d - 1 ? -1 : value(k + 1)));
      int from_k = down ? k + 1 : k - 1;
      from_x = value(from_k);
      from_y = from_x - from_k;
    }
    int after_x = d == 0 ? 0 : (x - y < from_x - from_y ? from_x : from_x + 1);
    while (x > after_x && y > 0) {
      --x;
      --y;
      reversed.emplace_back(begin + static_cast<size_t>(x), begin + static_cast<size_t>(y));
    }
    x = from_x;
    y = from_y;
  }
  matches.insert(matches.end(), reversed.rbegin(), reversed.rend());
  return true;
}

/// Lines that occur once in both, in the longest order that rises in both, each grown over its equal
/// neighbours.
void anchored(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, size_t begin, size_t a_end,
              size_t b_end, Matches& matches) {
  struct Occurrence {
    uint32_t in_a = 0, in_b = 0;
    size_t at_a = 0, at_b = 0;
  };
  std::unordered_map<uint32_t, Occurrence> seen;
  for (size_t i = begin; i < a_end; ++i) {
    ++seen[a[i]].in_a;
    seen[a[i]].at_a = i;
  }
  for (size_t i = begin; i < b_end; ++i) {
    ++seen[b[i]].in_b;
    seen[b[i]].at_b = i;
  }
  Matches unique;
  for (size_t i = begin; i < a_end; ++i) {
    const Occurrence& occurrence = seen[a[i]];
    if (occurrence.in_a == 1 && occurrence.in_b == 1) unique.emplace_back(i, occurrence.at_b);
  }
  // The longest rising subsequence by patience sorting.
  std::vector<size_t> tails, previous(unique.size(), SIZE_MAX);
  for (size_t i = 0; i < unique.size(); ++i) {
    auto it = std::lower_bound(tails.begin(), tails.end(), unique[i].second,
                               [&](size_t t, size_t value) { return unique[t].second < value; });
    if (it != tails.begin()) previous[i] = *(it - 1);
    if (it == tails.end()) {
      tails.push_back(i);
    } else {
      *it = i;
    }
  }
  Matches chain;
  for (size_t i = tails.empty() ? SIZE_MAX : tails.back(); i != SIZE_MAX; i = previous[i])
    chain.push_back(unique[i]);
  std::reverse(chain.begin(), chain.end());
  size_t done_a = begin, done_b = begin;
  for (auto [i, j] : chain) {
    if (i < done_a || j < done_b) continue;  // taken by its neighbour already
    while (i > done_a && j > done_b && a[i - 1] == b[j - 1]) {
      --i;
      --j;
    }
    while (i < a_end && j < b_end && a[i] == b[j]) matches.emplace_back(i++, j++);
    done_a = i;
    done_b = j;
  }
}

Matches match_lines(const Numbered& numbered) {
  const auto& [a, b] = numbered;
  Matches matches;
  size_t begin = 0, a_end = a.size(), b_end = b.size();
  while (begin < a_end && begin < b_end && a[begin] == b[begin]) {
    matches.emplace_back(begin, begin);
    ++begin;
  }
  size_t tail = 0;
  while (a_end > begin && b_end > begin && a[a_end - 1] == b[b_end - 1]) {
    --a_end;
    --b_end;
    ++tail;
  }
  if (!myers(a, b, begin, a_end, b_end, matches)) anchored(a, b, begin, a_end, b_end, matches);
  for (size_t i = 0; i < tail; ++i) matches.emplace_back(a_end + i, b_end + i);
  return matches;
}

/// Lines [a_begin, a_end) become [b_begin, b_end).
struct Change {
  size_t a_begin, a_end, b_begin, b_end;
};

std::vector<Change> changes_between(const Matches& matches, size_t a_size, size_t b_size) {
  std::vector<Change> changes;
  size_t a = 0, b = 0;
  auto gap = [&](size_t i, size_t j) {
    if (i > a || j > b) changes.push_back({a, i, b, j});
    a = i + 1;
    b = j + 1;
  };
  for (auto [i, j] : matches) gap(i, j);
  gap(a_size, b_size);
  return changes;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void line(char sign, std::string_view text) {
    if (full()) return;
    bool ended = text.ends_with('\n');
    if (ended) text.remove_suffix(1);
    out_ += sign;
    out_ += text.substr(0, longest_line);
    if (text.size() > longest_line) out_ += fmt::format(" [{} bytes more]", text.size() - longest_line);
    out_ += '\n';
    if (!ended) out_ += "\\ no newline at the end\n";
  }
  [[nodiscard]] bool full() const { return out_.size() > max_output; }

 private:
  std::string& out_;
};

std::string range(size_t begin, size_t end) {
  size_t size = end - begin;
  if (size == 1) return fmt::format("{}", begin + 1);
  return fmt::format("{},{}", size == 0 ? begin : begin + 1, size);
}

}  // namespace

std::string unified_diff(std::string_view expected_name, std::string_view expected,
                         std::string_view actual_name, std::string_view actual) {
  if (expected == actual) return {};
  // Equal lines at the front are passed over before anything is split, so that the window lies where the
  // texts differ.
  auto [e, unused] = std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  auto start = static_cast<size_t>(e - expected.begin());
  for (size_t lines = 0; start > 0 && lines <= context; ++lines) {
    start = expected.rfind('\n', start - 1);
    start = start == std::string_view::npos ? 0 : start;
  }
  if (start > 0) ++start;
  size_t first_line =
      static_cast<size_t>(std::count(expected.begin(), expected.begin() + static_cast<long>(start), '\n'));
  bool cut = false;
  Lines a = split(expected.substr(start), cut), b = split(actual.substr(start), cut);
  std::vector<Change> changes = changes_between(match_lines(number_lines(a, b)), a.size(), b.size());
  // Where the window ends, its last lines need not be each other's.
  if (cut && changes.size() > 1 && (changes.back().a_end == a.size() || changes.back().b_end == b.size()))
    changes.pop_back();
  std::string out = fmt::format("--- {} (expected)\n+++ {} (actual)\n", expected_name, actual_name);
  Writer writer(out);
  for (size_t i = 0; i < changes.size() && !writer.full();) {
    size_t last = i;
    while (last + 1 < changes.size() && changes[last + 1].a_begin - changes[last].a_end <= 2 * context)
      ++last;
    size_t lead = std::min(context, changes[i].a_begin);
    size_t trail = std::min(context, a.size() - changes[last].a_end);
    out +=
        fmt::format("@@ -{} +{} @@\n",
                    range(first_line + changes[i].a_begin - lead, first_line + changes[last].a_end + trail),
                    range(first_line + changes[i].b_begin - lead, first_line + changes[last].b_end + trail));
    size_t at = changes[i].a_begin - lead;
    for (; i <= last; ++i) {
      for (; at < changes[i].a_begin; ++at) writer.line(' ', a[at]);
      for (; at < changes[i].a_end; ++at) writer.line('-', a[at]);
      for (size_t j = changes[i].b_begin; j < changes[i].b_end; ++j) writer.line('+', b[j]);
    }
    for (size_t end = at + trail; at < end; ++at) writer.line(' ', a[at]);
  }
  if (writer.full() || cut) out += "[there are more differences, or more text, which are not shown]\n";
  return out;
}

}  // namespace testctr::interpret
