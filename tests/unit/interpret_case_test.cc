// What belongs to a case - its processes, its configuration, its verdict - as far as that is pure.
#include <doctest/doctest.h>

#include "interpret/case_family.h"
#include "interpret/case_verdict.h"

namespace testctr::interpret {
namespace {

Process process(pid_t pid, pid_t parent, uint64_t started, char state = 'S') {
  Process one;
  one.pid = pid;
  one.parent = parent;
  one.started = started;
  one.state = state;
  return one;
}

/// The only case of a document with these lines in its block.
script::Document document(const std::string& block, const std::string& front = "") {
  auto read = script::read_markdown("t.md", front + "```scrut\n" + block + "\n```\n");
  REQUIRE(read.ok());
  REQUIRE(read.value().cases.size() == 1);
  return std::move(read).value();
}

CaseVerdict judge(const script::Document& from, std::string_view output, std::optional<int> code,
                  script::Compat compat = script::Compat::none) {
  const script::Case& test = from.cases.front();
  CaseView view{from, test, effective_config(from, test, from.config.defaults, {}), compat, nullptr};
  CaseOutput printed;
  printed.compared = output;
  auto verdict = judge_case(view, printed, code, code ? fmt::format("exit status {}", *code) : "");
  REQUIRE(verdict.ok());
  return std::move(verdict).value();
}

constexpr pid_t self = 1, shell = 5, standby = 9;

}  // namespace

TEST_CASE("case family: what is younger than the standby and has no older parent is the case's") {
  const std::vector<Process> all = {
      process(shell, self, 100), process(standby, shell, 200), process(7, shell, 150),  // a server of before
      process(12, shell, 210),   process(13, 12, 220),                                  // the case's
      process(14, 7, 230),                                                              // the server's
      process(15, self, 240),    process(16, 15, 240),                                  // left its parents
      process(17, shell, 200),                                                          // in the same tick
  };
  CHECK(started_since(all, self, shell, standby, {}) == std::vector<pid_t>{12, 13, 15, 16, 17});
  CHECK(started_since(all, self, shell, standby, {12}) == std::vector<pid_t>{15, 16, 17});
}

TEST_CASE("case family: a standby that is gone still divides old from young") {
  const std::vector<Process> all = {process(shell, self, 100), process(7, shell, 150),
                                    process(12, shell, 210)};
  CHECK(started_since(all, self, shell, standby, {}) == std::vector<pid_t>{12});
}

TEST_CASE("case family: neither the shell nor the standby") {
  const std::vector<Process> all = {process(shell, self, 300), process(standby, self, 200)};
  CHECK(started_since(all, self, shell, standby, {}).empty());
  CHECK(started_since({}, self, shell, standby, {}).empty());
}

TEST_CASE("case family: a process with all below it") {
  const std::vector<Process> all = {process(3, 1, 1), process(4, 3, 1), process(5, 1, 1), process(6, 4, 1)};
  CHECK(family_of(all, 3) == std::vector<pid_t>{3, 4, 6});
  CHECK(family_of(all, 77) == std::vector<pid_t>{77});
}

TEST_CASE("case verdict: output and code both have to hold") {
  CHECK(judge(document("$ x\na"), "a\n", 0).passed);
  CHECK_FALSE(judge(document("$ x\na"), "b\n", 0).passed);
  CHECK_FALSE(judge(document("$ x\na"), "a\n", 1).passed);
  CHECK(judge(document("$ x\na\n[3]"), "a\n", 3).passed);
  CHECK_FALSE(judge(document("$ x\na\n[3]"), "a\n", 0).passed);
  CHECK_FALSE(judge(document("$ x\na\n[3]"), "b\n", 3).passed);
  CHECK_FALSE(judge(document("$ x"), "a\n", 0).passed);
  CHECK_FALSE(judge(document("$ x\na"), "", 0).passed);
  CHECK_FALSE(judge(document("$ x\na"), "a", 0).passed);
}

TEST_CASE("case verdict: without a code only the output counts") {
  CHECK(judge(document("$ x\na\n[3]"), "a\n", std::nullopt).passed);
  CHECK_FALSE(judge(document("$ x\na\n[3]"), "b\n", std::nullopt).passed);
}

TEST_CASE("case verdict: the line is that of what does not hold") {
  CHECK(judge(document("$ x\na\nb"), "a\nc\n", 0).line == 4);
  CHECK(judge(document("$ x\n> y\na"), "z\na\n", 0).line == 3);
  CHECK(judge(document("$ x\na\nb"), "a\nb\nc\n", 0).line == 4);
  CHECK(judge(document("$ x\na\n[3]"), "a\n", 0).line == 4);
  CHECK(judge(document("$ x\na"), "a\n", 1).line == 2);
}

TEST_CASE("case verdict: a wrong code is told first, and what was to come") {
  const CaseVerdict wrong = judge(document("$ x\na\n[3]"), "b\n", 4);
  CHECK(wrong.failure.reason.starts_with("exit status 4, expected exit status 3"));
  CHECK(wrong.failure.diff.find("-a") != std::string::npos);
  CHECK(judge(document("$ x"), "", 1).failure.reason == "exit status 1");
}

TEST_CASE("case verdict: captures are there when it passed") {
  const CaseVerdict verdict = judge(document("$ x\nport (?P<port>\\d+) (regex)"), "port 80\n", 0);
  CHECK(verdict.passed);
  CHECK(verdict.captures.at("port") == "80");
}

TEST_CASE("case verdict: a schema") {
  const std::string block = "% mode: jsonschema\n$ x\ntype: object";
  CHECK(judge(document(block), "{}", 0).passed);
  CHECK_FALSE(judge(document(block), "[]", 0).passed);
  CHECK_FALSE(judge(document(block), "no JSON", 0).passed);
  CHECK_FALSE(judge(document(block), "", 0).passed);
}

TEST_CASE("case configuration: command line over case over defaults over what is built in") {
  const script::Document from = document(
      "% timeout: 1s\n$ x", "---\ndefaults: {timeout: 2s, fail_fast: true, skip_document_code: 7}\n---\n");
  const script::Case& test = from.cases.front();
  script::CaseConfig config = effective_config(from, test, from.config.defaults, {});
  CHECK(config.timeout_ns == 1'000'000'000);
  CHECK(config.fail_fast == true);
  CHECK(config.skip_document_code == 7);
  CHECK(config.stream == script::Stream::out);
  CHECK(config.keep_crlf == false);
  CHECK(config.detached_kill_signal == 15);
  script::CaseConfig overrides;
  overrides.stream = script::Stream::combined;
  overrides.timeout_ns = 5;
  config = effective_config(from, test, from.config.defaults, overrides);
  CHECK(config.stream == script::Stream::combined);
  CHECK(config.timeout_ns == 5);
}

TEST_CASE("names that expectations refer to") {
  const auto names = [](const std::string& line) { return names_in(document("$ x\n" + line).cases.front()); };
  CHECK(names("$A ${B_C}x $$D") == std::vector<std::string>{"A", "B_C"});
  CHECK(names("$1 $ ${} $") == std::vector<std::string>{});
  CHECK(names("a$A1$B") == std::vector<std::string>{"A1", "B"});
}

}  // namespace testctr::interpret
