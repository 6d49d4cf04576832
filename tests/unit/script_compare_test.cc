// Output against expectations: the verdict for any quantifiers against an exhaustive reference, alignments,
// the verdicts of other tools, and bounds.
#include "script/compare.h"

#include <doctest/doctest.h>

#include "base/sanitizer.h"
#include "script/difflib.h"
#include "script/escapes.h"
#include "script/sequence.h"

using namespace testctr;
using namespace testctr::script;
using namespace std::string_literals;

namespace {

using Strings = std::vector<std::string>;

std::vector<Expectation> expectations_of(const Strings& texts, Dialect dialect = Dialect::markdown,
                                         Compat compat = Compat::none) {
  std::vector<Expectation> made;
  for (const std::string& text : texts) {
    made.push_back(parse_expectation(text, dialect, compat));
    made.back().line = static_cast<uint32_t>(made.size());
  }
  return made;
}

std::string joined(const Strings& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

Table table_of(const std::vector<Expectation>& expectations, std::string_view output) {
  std::vector<LineMatcher> matchers;
  for (const Expectation& one : expectations)
    matchers.push_back(LineMatcher::make(one, Dialect::markdown, Compat::none, nullptr).value());
  return {expectations, std::move(matchers), output_lines(output)};
}

constexpr int of_missing = 4;  // an unexpected line: 1

/// The fewest missing and unexpected pieces, by trying everything.
class Reference {
 public:
  explicit Reference(Table& table) : table_(table), E_(table.expectations()), L_(table.lines()) {
    best_.assign((E_ + 1) * (L_ + 1), -1);
  }
  int cost(uint32_t e = 0, uint32_t l = 0) {
    int& known = best_[e * (L_ + 1) + l];
    if (known >= 0) return known;
    int best = 1 << 20;
    if (e == E_) return known = static_cast<int>(L_ - l);
    if (l < L_) best = std::min(best, 1 + cost(e, l + 1));
    best = std::min(best, (table_.is_optional(e) ? 0 : of_missing) + cost(e + 1, l));
    for (uint32_t n = 1; l + n <= L_ && (n == 1 || table_.is_multi(e)); ++n) {
      if (!table_.matches(e, l + n - 1)) break;
      best = std::min(best, cost(e + 1, l + n));
    }
    return known = best;
  }

 private:
  Table& table_;
  uint32_t E_, L_;
  std::vector<int> best_;
};

/// What the steps cost; -1 when they break a promise.
int cost_of(Table& table, const std::vector<Step>& steps) {
  size_t e = 0, l = 0;
  int cost = 0;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::unexpected) {
      if (step.line != l || step.lines == 0) return -1;
      cost += static_cast<int>(step.lines);
      l += step.lines;
      continue;
    }
    if (step.expectation != e) return -1;
    const auto expectation = static_cast<uint32_t>(e++);
    if (step.kind == Step::Kind::missing) {
      if (table.is_optional(expectation)) return -1;
      cost += of_missing;
      continue;
    }
    if (step.line != l) return -1;
    if (step.lines == 0 && !table.is_optional(expectation)) return -1;
    if (step.lines > 1 && !table.is_multi(expectation)) return -1;
    for (size_t k = 0; k < step.lines; ++k) {
      if (!table.matches(expectation, static_cast<uint32_t>(l + k))) return -1;
    }
    l += step.lines;
  }
  return e == table.expectations() && l == table.lines() ? cost : -1;
}

/// All lists of up to `most` words.
std::vector<Strings> lists(const Strings& words, size_t most) {
  std::vector<Strings> all{{}};
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() == most) break;
    for (const std::string& word : words) {
      all.push_back(all[i]);
      all.back().push_back(word);
    }
  }
  return all;
}

struct Failures {
  size_t search = 0, assign = 0, align = 0, rough = 0, total = 0;
};

void exhaust(const Strings& words, size_t expectations, const Strings& letters, size_t lines,
             Failures& failures) {
  const std::vector<Strings> outputs = lists(letters, lines);
  for (const Strings& texts : lists(words, expectations)) {
    const auto made = expectations_of(texts);
    for (const Strings& output_lines : outputs) {
      const std::string output = joined(output_lines);
      Table table = table_of(made, output);
      const Part all{0, table.expectations(), 0, table.lines()};
      const int want = Reference(table).cost();
      ++failures.total;
      const Found found = search(table, all, 1 << 20);
      failures.search +=
          !found.complete || static_cast<int>(found.cost) != want || cost_of(table, found.steps) != want;
      const Assignment assignment = assign(table, all, 1 << 20);
      failures.assign += !assignment.decided || assignment.equal != (want == 0) ||
                         (want == 0 && cost_of(table, assignment.steps) != 0);
      const Aligned aligned = align(table);
      failures.align +=
          !aligned.decided || aligned.equal != (want == 0) || cost_of(table, aligned.steps) != want;
      const Aligned rough = align(table, {4, 4, 12, 1 << 20});
      const int cost = cost_of(table, rough.steps);
      failures.rough +=
          !rough.decided || rough.equal != (want == 0) || cost < want || (want == 0 && cost != 0);
    }
  }
}

std::string shown(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    if (!text.empty()) text += ' ';
    switch (step.kind) {
      case Step::Kind::matched:
        text += fmt::format("{}={}", step.expectation, step.line);
        if (step.lines != 1) text += fmt::format("+{}", step.lines);
        break;
      case Step::Kind::missing:
        text += fmt::format("-{}", step.expectation);
        break;
      case Step::Kind::unexpected:
        text += fmt::format("+{}x{}", step.line, step.lines);
        break;
    }
  }
  return text;
}

/// "equal " or "not ", and the steps.
std::string told(const Strings& texts, std::string_view output, const CompareOptions& options = {}) {
  auto made = compare(expectations_of(texts, options.dialect, options.compat), output, options);
  if (!made.ok()) return "error " + made.error().message();
  return (made.value().equal ? "equal " : "not ") + shown(made.value().steps);
}

const CompareOptions like_cram{Dialect::cram, Compat::cram};
const CompareOptions like_scrut{Dialect::markdown, Compat::scrut};

}  // namespace

TEST_CASE("compare: all small inputs against a reference that tries everything") {
  Failures failures;
  const size_t most = sanitized ? 3 : 4;  // a sanitizer makes minutes of it
  exhaust({"a", "a (?)", "a (*)", "a (+)", "b", "b (?)", "b (*)", "b (+)"}, most, {"a", "b"}, 4, failures);
  exhaust({"a", "b (?)", "c (*)", "* (glob)", "* (glob?)", "* (glob*)", "* (glob+)", "[ab] (re+)"}, 3,
          {"a", "b", "c"}, 3, failures);
  exhaust({"a (?)", "a (*)", "b (+)", "b"}, 5, {"a", "b"}, 5, failures);
  CHECK(failures.total > (sanitized ? 100000 : 250000));
  CHECK(failures.search == 0);
  CHECK(failures.assign == 0);
  CHECK(failures.align == 0);
  CHECK(failures.rough == 0);
}

TEST_CASE("compare: verdicts that Scrut gets wrong") {
  const Strings regex{".* (regex*)", "b", "c"}, optional{"foo (?)", "foo"}, glob{"* (glob+)", "END"};
  CHECK(told(regex, "b\nx\nb\nc\n") == "equal 0=0+2 1=2 2=3");
  CHECK(told(optional, "foo\n") == "equal 0=0+0 1=0");
  CHECK(told(glob, "x1\nEND\nx2\nEND\n") == "equal 0=0+3 1=3");
  CHECK(told(regex, "b\nx\nb\nc\n", like_scrut).starts_with("not "));
  CHECK(told(optional, "foo\n", like_scrut).starts_with("not "));
  CHECK(told(glob, "x1\nEND\nx2\nEND\n", like_scrut).starts_with("not "));
  CHECK(told({"a (+)", "a", "b"}, "a\na\nb\n", like_scrut) == "equal 0=0 1=1 2=2");
}

TEST_CASE("compare: alignments") {
  CHECK(told({}, "") == "equal ");
  CHECK(told({"a"}, "") == "not -0");
  CHECK(told({}, "a\n") == "not +0x1");
  CHECK(told({"a", "b", "c"}, "a\nc\n") == "not 0=0 -1 2=1");
  CHECK(told({"a", "c"}, "a\nb\nc\n") == "not 0=0 +1x1 1=2");
  CHECK(told({"a", "b", "c"}, "x\ny\n") == "not -0 -1 -2 +0x2");
  CHECK(told({"a", "b (?)", "c"}, "a\nx\nc\n") == "not 0=0 1=1+0 +1x1 2=2");
  CHECK(told({"a"}, "a") == "not -0 +0x1");
  // What still holds stays, though one that takes all lines would make it the shorter difference.
  CHECK(told({"* (glob*)", "d \\d+ (re)", "end"}, "start\nd 5\nnew\nnewer\nend\n") == "not 0=0 1=1 +2x2 2=4");
  CHECK(told({"* (glob*)", "a", "end"}, "start\nx\nend\n") == "not 0=0+2 -1 2=2");
  // Lines go to expectations that name them.
  CHECK(told({"* (glob*)", "END (?)"}, "x\nEND\n") == "equal 0=0 1=1");
  CHECK(told({"warn (?)", "* (glob*)"}, "warn\nx\n") == "equal 0=0 1=1");
}

TEST_CASE("compare: an invalid expectation is an error with its line") {
  CHECK(told({"a", "( (re)"}, "a\n").starts_with("error line 2: the regular expression"));
}

TEST_CASE("compare: captures, the last line's where there are several") {
  auto made = compare(expectations_of({"(?P<a>.)-(?P<b>.) (re+)", "x"}), "1-2\n3-4\nx\n", {});
  REQUIRE(made.ok());
  CHECK(made.value().equal);
  CHECK(made.value().captures == Variables{{"a", "3"}, {"b", "4"}});
  made = compare(expectations_of({"(?P<a>.)-(?P<b>.) (re+)", "x"}), "1-2\n", {});
  CHECK_FALSE(made.value().equal);
  CHECK(made.value().captures == Variables{{"a", "1"}, {"b", "2"}});
  made = compare(expectations_of({"(?P<a>.)-(?P<b>.) (re+)", "x"}), "1\n", {});
  CHECK(made.value().captures.empty());
}

TEST_CASE("compare: as Cram does it") {
  CHECK(told({"a*b (glob)", "c"}, "axb\nc\n", like_cram) == "equal 0=0 1=1");
  // One line too many in front, and the patterns stand opposite to others.
  CHECK(told({"a.. (re)", "b.. (re)", "c"}, "x\naaa\nbbb\nc\n", like_cram) == "not -0 -1 +0x3 2=3");
  CHECK(told({"a.. (re)", "b.. (re)", "c"}, "x\naaa\nbbb\nc\n", {Dialect::cram}) == "not +0x1 0=1 1=2 2=3");
  CHECK(told({"foo\\r (no-eol) (esc)", "bar"}, "foo\rbar\n", like_cram) == "equal 0=0 1=1");
  CHECK(told({"foo\\rbar (esc)"}, "foo\rbar\n", {Dialect::cram}) == "equal 0=0");
  CHECK(told({"foo (?)"}, "foo\n", like_cram) == "not -0 +0x1");
  CHECK(told({"foo (?)"}, "foo\n", {Dialect::cram}) == "equal 0=0");
  CHECK(told({"a( (re)"}, "a\n", like_cram) == "not -0 +0x1");
}

TEST_CASE("output_lines") {
  const CompareOptions options = like_cram;
  CHECK(output_lines("a\r\nb\rc\n\rd", options) ==
        std::vector<std::string_view>{"a\r\n", "b\r", "c\n", "\r", "d"});
  CHECK(output_lines("a\r\nb\rc\n\rd") == std::vector<std::string_view>{"a\r\n", "b\rc\n", "\rd"});
  CHECK(output_lines("", options).empty());
}

TEST_CASE("normalised: line ends and terminal sequences") {
  CHECK(normalised("a\r\nb\rc\n\r\r\n", false, false) == "a\nb\rc\n\r\n");
  CHECK(normalised("a\r\n", true, false) == "a\r\n");
  CHECK(normalised("\x1b[1;31mred\x1b[0m\t\a\b\r\n", true, true) == "red\t\a\b\r\n");
  CHECK(normalised("a\r\x1b[K\n", false, true) == "a\n");
  CHECK(normalised("\x1b]0;title\a1\x1b]8;;x\x1b\\2\x1b(B3\x1b=4\x1b"
                   "c5",
                   false, true) == "12345");
  CHECK(normalised("\x1b]never\nends\x1b[12", false, true) == "\x1b]never\nends\x1b[12");
  CHECK(normalised("\x1b[31m", false, false) == "\x1b[31m");
}

TEST_CASE("render_difference") {
  auto rendered = [](const Strings& texts, std::string_view output, size_t most = 4096) {
    const auto made = expectations_of(texts);
    const auto comparison = compare(made, output, {});
    REQUIRE(comparison.ok());
    return render_difference(made, output, comparison.value(), Dialect::markdown, most);
  };
  CHECK(rendered({"a", "b* (glob)", "c"}, "a\nbb\nx\tz") ==
        " a\n b* (glob)\n-c\n+x\\tz (no-eol) (escaped)\n");
  Strings texts;
  std::string output;
  for (int i = 0; i < 30; ++i) {
    texts.push_back(std::to_string(i));
    output += (i == 10 || i == 15 ? "x" : std::to_string(i)) + "\n"s;
  }
  CHECK(rendered(texts, output) ==
        "@@ line 8, output line 8 @@\n 7\n 8\n 9\n-10\n+x\n 11\n 12\n 13\n 14\n-15\n+x\n 16\n 17\n 18\n");
  CHECK(rendered(texts, "y\n" + output, 150).ends_with("\n(the rest of the difference is left out)\n"));
  CHECK(rendered(texts, output, 100).size() <= 100);
  CHECK(rendered({"a"}, "a\n").empty());
}

TEST_CASE("compare: wrong lines without number take no long time and little memory") {
  Strings texts;
  std::string output;
  for (int i = 0; i < 20000; ++i) {
    texts.push_back("expected " + std::to_string(i));
    output += "line " + std::to_string(i) + "\n";
  }
  const auto made = compare(expectations_of(texts), output, {});
  REQUIRE(made.ok());
  CHECK_FALSE(made.value().equal);
  CHECK(made.value().steps.size() == 20001);
  // One line in a hundred differs, one block is missing: only these are told.
  std::string right;
  for (int i = 0; i < 20000; ++i) {
    if (i < 3000 || i >= 4000) right += i % 100 == 7 ? "x\n" : texts[static_cast<size_t>(i)] + "\n";
  }
  const auto near = compare(expectations_of(texts), right, {});
  size_t missing = 0;
  for (const Step& step : near.value().steps) missing += step.kind == Step::Kind::missing;
  CHECK(missing == 1000 + 190);
}

TEST_CASE("compare: many optional and repeated expectations") {
  Strings texts(3000, "* (glob*)"), ambiguous;
  for (int i = 0; i < 300; ++i) {
    ambiguous.push_back("a (*)");
    ambiguous.push_back("[ab] (re?)");
  }
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += i % 2 == 0 ? "a\n" : "b\n";
  CHECK(told(texts, lines).starts_with("equal"));
  texts.push_back("END");
  CHECK(told(texts, lines + "END\n").starts_with("equal"));
  CHECK(told(texts, lines).starts_with("not"));
  CHECK(told(ambiguous, lines).starts_with("not"));
  ambiguous.push_back("c");
  CHECK(told(ambiguous, "a\na\nb\nb\na\na\na\nc\n").starts_with("equal"));
}
