// Differences: known ones, and that the result always leads from one text to the other.
#include "interpret/diff.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <random>
#include <vector>

#include "base/text.h"

using namespace testctr;
using namespace testctr::interpret;

namespace {

std::string diff(std::string_view a, std::string_view b) { return unified_diff("want", a, "got", b); }

/// Applies a difference that holds the whole of both texts as hunks to `a`. @return nothing when a hunk does
/// not fit
std::optional<std::string> patched(std::string_view a, std::string_view patch) {
  std::vector<std::string_view> lines = text::lines(a);
  std::string out;
  size_t at = 0;
  std::vector<std::string_view> steps = text::lines(patch);
  for (size_t i = 2; i < steps.size(); ++i) {
    std::string_view step = steps[i];
    bool unended = i + 1 < steps.size() && steps[i + 1].starts_with('\\');
    std::string content(step.substr(1));
    if (unended) content.pop_back();
    if (step.starts_with("@@ -")) {
      auto number = std::string(step.substr(4, step.find_first_of(", ", 4) - 4));
      bool empty_range = step.find(",0 ") != std::string_view::npos && step.find(",0 ") < step.find(" +");
      size_t begin = std::stoul(number) - (empty_range ? 0 : 1);
      while (at < begin) out += lines.at(at++);
    } else if (step[0] == '+') {
      out += content;
    } else if (step[0] == ' ' || step[0] == '-') {
      if (at >= lines.size() || lines[at] != content) return std::nullopt;
      ++at;
      if (step[0] == ' ') out += content;
    } else if (step[0] != '\\') {
      return std::nullopt;
    }
  }
  while (at < lines.size()) out += lines[at++];
  return out;
}

}  // namespace

TEST_CASE("diff: known differences") {
  CHECK(diff("a\n", "a\n").empty());
  CHECK(diff("a\n", "b\n") == "--- want (expected)\n+++ got (actual)\n@@ -1 +1 @@\n-a\n+b\n");
  CHECK(diff("", "b\n") == "--- want (expected)\n+++ got (actual)\n@@ -0,0 +1 @@\n+b\n");
  CHECK(diff("a\n", "a") ==
        "--- want (expected)\n+++ got (actual)\n@@ -1 +1 @@\n-a\n+a\n\\ no newline at the end\n");
  CHECK(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n") ==
        "--- want (expected)\n+++ got (actual)\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n");
}

TEST_CASE("diff: a difference leads from the expected to the actual text") {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    size_t alphabet = 1 + random() % 6;
    auto make = [&] {
      std::string text;
      for (size_t i = random() % 20; i > 0; --i) text += fmt::format("{}\n", random() % alphabet);
      if (random() % 4 == 0 && !text.empty()) text.pop_back();
      return text;
    };
    std::string a = make(), b = make();
    CAPTURE(a);
    CAPTURE(b);
    std::string patch = diff(a, b);
    if (a == b) continue;
    auto result = patched(a, patch);
    REQUIRE(result.has_value());
    REQUIRE(*result == b);
  }
}

TEST_CASE("diff: texts far from each other go by their unique lines, and still lead to the other") {
  std::mt19937 random(11);
  std::string a, b;
  for (int i = 0; i < 1500; ++i) {
    a += fmt::format("{}\n",
                     random() % 3 == 0 ? fmt::format("common {}", i) : fmt::format("a {}", random() % 50));
    b += fmt::format("{}\n",
                     random() % 3 == 0 ? fmt::format("common {}", i) : fmt::format("b {}", random() % 50));
  }
  std::string patch = diff(a, b);
  CHECK(patch.find("not shown") == std::string::npos);
  auto result = patched(a, patch);
  REQUIRE(result.has_value());
  CHECK(*result == b);
}

TEST_CASE("diff: 40,000 differing lines are fast and the result is bounded") {
  std::string a, b;
  for (int i = 0; i < 40'000; ++i) {
    a += fmt::format("a line {}\n", i * 7);
    b += fmt::format("b line {}\n", i * 3);
  }
  auto begin = std::chrono::steady_clock::now();
  std::string patch = diff(a, b);
  auto spent = std::chrono::steady_clock::now() - begin;
  CHECK(patch.size() < 80'000);
  CHECK(patch.find("not shown") != std::string::npos);
  CHECK(std::chrono::duration_cast<std::chrono::milliseconds>(spent).count() < 2000);
}

TEST_CASE("diff: the place is right when the texts are equal for long") {
  std::string a;
  for (int i = 0; i < 200'000; ++i) a += fmt::format("{}\n", i);
  std::string b = a;
  b.insert(b.find("\n150000\n") + 1, "new\n");
  CHECK(diff(a, b) ==
        "--- want (expected)\n+++ got (actual)\n@@ -149998,6 +149998,7 @@\n 149997\n 149998\n 149999\n+new\n "
        "150000\n 150001\n 150002\n"
        "[there are more differences, or more text, which are not shown]\n");
}
