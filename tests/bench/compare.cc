// How long 40,000 lines of output that are all wrong take, matcher and difference together.
//   bench-compare [ROUNDS]      one line for each kind: NAME MEDIAN-IN-SECONDS
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/sys.h"
#include "script/compare.h"

namespace {

using namespace testctr;

constexpr int count = 40'000;

struct Kind {
  const char* name;
  std::string (*expectation)(int);
  std::string (*line)(int);
};

std::string wrong_line(int i) { return "this is line " + std::to_string(i); }

const Kind kinds[] = {
    {"literal", [](int i) { return "that is line " + std::to_string(i); }, wrong_line},
    {"repeated", [](int i) { return "block " + std::to_string(i % 7); },
     [](int i) { return i % 40 == 0 ? "block 3" : "blocks " + std::to_string(i % 5); }},
    {"shuffled", [](int i) { return "value " + std::to_string(i * 7919 % count); },
     [](int i) { return "value " + std::to_string(i); }},
    {"glob", [](int i) { return "*that " + std::to_string(i) + "* (glob)"; }, wrong_line},
    {"regex", [](int i) { return ".*that " + std::to_string(i) + "[0-9]+ (re)"; }, wrong_line},
    {"quantified", [](int i) { return i % 3 == 0 ? "that* (glob*)" : "that " + std::to_string(i); }, wrong_line},
};

double seconds(const Kind& kind) {
  std::vector<script::Expectation> expectations;
  std::string output;
  for (int i = 0; i < count; ++i) {
    expectations.push_back(script::parse_expectation(kind.expectation(i), script::Dialect::markdown));
    output += kind.line(i) + "\n";
  }
  const uint64_t begin = sys::monotonic_ns();
  auto comparison = script::compare(expectations, output, {});
  if (!comparison.ok() || comparison.value().equal) {
    std::fprintf(stderr, "%s: the verdict is wrong\n", kind.name);
    std::exit(1);
  }
  const std::string shown = script::render_difference(expectations, output, comparison.value(), script::Dialect::markdown, 1 << 20);
  return shown.empty() ? 1e9 : static_cast<double>(sys::monotonic_ns() - begin) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  for (const Kind& kind : kinds) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) times.push_back(seconds(kind));
    std::sort(times.begin(), times.end());
    std::printf("%s %.3f\n", kind.name, times[times.size() / 2]);
  }
  return 0;
}
