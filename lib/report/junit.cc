#include "report/junit.h"

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "report/render.h"
#include "report/xml.h"

namespace testctr::report {
namespace {

std::string xml_seconds(int64_t ns) { return fmt::format("{:.6f}", static_cast<double>(ns) / 1e9); }

/// "tests/cli/a.txt" as "tests.cli.a". Which of several runs it was stays, or the cases of one document would
/// be told apart by nothing: GitLab shows one of those that are called the same.
std::string class_name(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  const size_t times = path.ends_with(')') ? path.rfind(" (") : std::string_view::npos;
  const std::string_view which = times == std::string_view::npos ? "" : path.substr(times);
  path.remove_suffix(which.size());
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && (slash == std::string_view::npos || dot > slash))
    path = path.substr(0, dot);
  std::string out(path);
  std::replace(out.begin(), out.end(), '/', '.');
  return out.append(which);
}

std::string lines_of(const std::function<void(const TakeLine&)>& render) {
  std::string out;
  render([&](Style, std::string_view line) {
    out += xml_text(line);
    out += '\n';
  });
  return out;
}

std::string system_out(const std::string& log) {
  return log.empty() ? "" : fmt::format("<system-out>{}</system-out>\n", log);
}

/// How one attempt at a test case went; `details` and `log` are XML.
struct Try {
  Outcome outcome = Outcome::pass;
  std::string reason, fault, details, log;

  [[nodiscard]] bool bad() const { return !is_good(outcome); }
  [[nodiscard]] bool is_mismatch() const { return outcome == Outcome::fail || outcome == Outcome::xpass; }
  [[nodiscard]] std::string message() const {
    return xml_text((outcome == Outcome::not_run ? "not run: " : "") + reason.substr(0, reason.find('\n')));
  }
  [[nodiscard]] std::string type() const {
    return is_mismatch() ? "mismatch" : outcome == Outcome::not_run ? "not_run" : xml_text(fault);
  }
  /// An error says all in its reason.
  [[nodiscard]] std::string text() const {
    return is_mismatch() ? details : outcome == Outcome::not_run ? "" : xml_text(reason);
  }
};

/// An attempt as an element. @param prefix "flaky" or "rerun"; empty: the one that the test case itself tells
/// of
std::string element_of(const Try& attempt, std::string_view prefix) {
  const std::string_view kind = attempt.is_mismatch() ? "failure" : "error";
  const std::string text = attempt.text();
  if (prefix.empty()) {
    const std::string head =
        fmt::format("<{} message=\"{}\" type=\"{}\"", kind, attempt.message(), attempt.type());
    return text.empty() ? head + "/>\n" : fmt::format("{}>{}</{}>\n", head, text, kind);
  }
  const std::string name = fmt::format("{}{}", prefix, attempt.is_mismatch() ? "Failure" : "Error");
  return fmt::format("<{} message=\"{}\" type=\"{}\">\n<stackTrace>{}</stackTrace>\n{}</{}>\n", name,
                     attempt.message(), attempt.type(), text, system_out(attempt.log), name);
}

/// A test that never passed is told of by its first attempt. @param tries in order
const Try& told_of(const std::vector<Try>& tries) {
  if (!tries.back().bad()) return tries.back();
  return *std::find_if(tries.begin(), tries.end(), [](const Try& each) { return each.bad(); });
}

/// What Surefire's schema has in this order: failures, those of other attempts, <skipped>, and the same of
/// errors. @param tries in order, the last is the one that counts
std::string verdict(const std::vector<Try>& tries) {
  std::vector<const Try*> bad;
  for (const Try& each : tries)
    if (each.bad()) bad.push_back(&each);
  const Try& last = tries.back();
  const Try& told = told_of(tries);
  std::string xml;
  for (const bool mismatches : {true, false}) {
    if (!mismatches && (told.outcome == Outcome::skip || told.outcome == Outcome::xfail))
      xml += fmt::format("<skipped message=\"{}\"/>\n", told.message());
    if (told.bad() && told.is_mismatch() == mismatches) xml += element_of(told, "");
    for (const Try* each : bad)
      if (each != &told && each->is_mismatch() == mismatches)
        xml += element_of(*each, last.bad() ? "rerun" : "flaky");
  }
  return xml + system_out(told.log);
}

struct TestCase {
  std::string name, file;
  uint32_t line = 0;  ///< 0: none is told
  int64_t duration_ns = 0;
  std::vector<Try> tries;
};

std::string element(const TestCase& test, const ScriptReport& script) {
  std::string xml =
      fmt::format("<testcase name=\"{}\" classname=\"{}\" time=\"{}\" file=\"{}\"",
                  xml_text(text::printable(test.name)), xml_text(text::printable(class_name(script.name))),
                  xml_seconds(test.duration_ns), xml_text(text::printable(test.file)));
  if (test.line != 0) xml += fmt::format(" line=\"{}\"", test.line);
  return xml + ">\n" + verdict(test.tries) + "</testcase>\n";
}

Try try_of(const ScriptReport& script, std::string_view work) {
  Try one{script.outcome, summary_of(script, work), script.fault, "", ""};
  const bool document = !script.cases.empty();
  one.details = lines_of([&](const TakeLine& take) {
    if (document) return render_around_cases(script, work, take);
    render_failures(script, work, take);
  });
  if (!document) one.log = lines_of([&](const TakeLine& take) { render_log(script, work, take); });
  return one;
}

/// The script as a whole.
TestCase whole(const ScriptReport& script, std::string_view work) {
  TestCase test;
  test.name = script.name.substr(script.name.rfind('/') + 1);
  const FailureAt* failure = script.main_failure();
  test.file = script.source(failure == nullptr ? "" : failure->file);
  if (script.outcome != Outcome::pass) test.line = failure == nullptr ? script.line : failure->line;
  test.duration_ns = script.duration_ns;
  for (const ScriptReport& attempt : script.earlier) test.tries.push_back(try_of(attempt, work));
  test.tries.push_back(try_of(script, work));
  return test;
}

Try try_of_case(const ScriptReport& script, size_t index) {
  const CaseReport& from = script.cases[index];
  Try one{from.outcome, from.reason, "case", "", ""};
  one.details = lines_of([&](const TakeLine& take) { render_case(script, index, take); });
  if (one.details.empty() && from.outcome == Outcome::fail)
    one.details = "[only the first failures of a document are kept whole]\n";
  // A failure shows it all; what else a case printed is there when everything is kept.
  if (from.outcome != Outcome::fail) one.log = one.details;
  return one;
}

bool is_same_case(const CaseReport& a, const CaseReport& b) { return a.line == b.line && a.file == b.file; }

std::optional<size_t> find_case(const ScriptReport& script, const CaseReport& wanted) {
  const auto found = std::find_if(script.cases.begin(), script.cases.end(),
                                  [&](const CaseReport& each) { return is_same_case(each, wanted); });
  if (found == script.cases.end()) return std::nullopt;
  return static_cast<size_t>(found - script.cases.begin());
}

TestCase one_of(const ScriptReport& script, size_t index, const std::string& name) {
  const CaseReport& from = script.cases[index];
  TestCase test;
  test.name = name;
  test.file = script.source(from.file);
  test.line = from.line;
  test.duration_ns = from.duration_ns;
  for (const ScriptReport& attempt : script.earlier) {
    if (const auto same = find_case(attempt, from)) test.tries.push_back(try_of_case(attempt, *same));
  }
  Try last = try_of_case(script, index);
  if (script.outcome == Outcome::xfail && last.bad()) {
    last.outcome = Outcome::xfail;
    last.reason = fmt::format("expected to fail: {}", script.reason);
  }
  test.tries.push_back(std::move(last));
  return test;
}

/// Whether the cases alone do not say what became of a script and of its earlier attempts.
bool is_told_as_a_whole(const ScriptReport& script) {
  if (script.cases.empty() || script.beyond_cases()) return true;
  return std::any_of(script.earlier.begin(), script.earlier.end(), [&](const ScriptReport& attempt) {
    if (attempt.cases.empty() || attempt.beyond_cases()) return true;
    return std::any_of(attempt.cases.begin(), attempt.cases.end(), [&](const CaseReport& each) {
      return !is_good(each.outcome) && !find_case(script, each).has_value();
    });
  });
}

/// XML's "skipped" are more than those that asked for it.
void count(CaseCounts& counts, Outcome outcome) {
  counts.count(outcome == Outcome::xfail ? Outcome::skip : outcome);
}

std::string property(std::string_view name, std::string_view value) {
  return fmt::format("<property name=\"{}\" value=\"{}\"/>\n", name, xml_text(value));
}

/// What the test took, where it is known.
std::string properties(const ScriptReport& script) {
  std::string xml = "<properties>\n" + property("image", script.image);
  xml += property("outcome", to_string(script.outcome));
  if (script.attempt > 0) xml += property("attempts", std::to_string(script.attempt + 1));
  if (script.cpu_ns > 0) xml += property("cpu_seconds", xml_seconds(script.cpu_ns));
  if (script.peak_memory > 0) xml += property("peak_memory_bytes", std::to_string(script.peak_memory));
  if (script.left.any()) xml += property("left_outside_work", left_of(script));
  return xml + "</properties>\n";
}

}  // namespace

Junit::Junit(Writer& out, std::string work) : out_(out), work_(std::move(work)) {}

void Junit::run_started(const RunStart& start) {
  started_ns_ = start.unix_ns != 0 ? start.unix_ns : sys::realtime_ns();
}

void Junit::script_ended(const ScriptReport& script) {
  std::vector<TestCase> tests;
  const std::vector<std::string> names = unique_names(script);
  for (size_t i = 0; i < script.cases.size(); ++i) tests.push_back(one_of(script, i, names[i]));
  const bool as_a_whole = is_told_as_a_whole(script);
  if (as_a_whole) tests.push_back(whole(script, work_));
  CaseCounts counts;
  for (const TestCase& test : tests) count(counts, told_of(test.tries).outcome);
  counts_.add(counts);
  const std::string name = xml_text(text::printable(script.name));
  suites_.append(fmt::format(
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" "
      "timestamp=\"{}\" "
      "file=\"{}\">\n{}",
      name, counts.total(), counts.failed, counts.errors + counts.not_run, counts.skipped,
      xml_seconds(script.duration_ns),
      timestamp_of(started_ns_ + static_cast<uint64_t>(std::max<int64_t>(0, script.started_ns))),
      xml_text(text::printable(script.source())), properties(script)));
  for (const TestCase& test : tests) suites_.append(element(test, script));
  if (!as_a_whole) {
    suites_.append(
        system_out(lines_of([&](const TakeLine& take) { render_around_cases(script, work_, take); })));
  }
  suites_.append("</testsuite>\n");
}

void Junit::run_ended(const RunEnding& ending, const Tally& /*tally*/) {
  out_.write(fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"testctr-script\" tests=\"{}\" "
      "failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n",
      counts_.total(), counts_.failed, counts_.errors + counts_.not_run, counts_.skipped,
      xml_seconds(ending.duration_ns), timestamp_of(started_ns_)));
  write_all(out_, suites_);
  out_.write("</testsuites>\n");
}

}  // namespace testctr::report
