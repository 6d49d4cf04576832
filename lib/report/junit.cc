#include "report/junit.h"

#include <chrono>

#include "base/sys.h"
#include "base/text.h"
#include "report/render.h"

namespace testctr::report {
namespace {

/// The length of the terminal escape sequence that `text` begins with (ESC first), at least 1.
size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  const char kind = text[1];
  if (kind == '[') {  // CSI: parameters and intermediates, then one byte from @ to ~
    size_t i = 2;
    while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x3f) ++i;
    return i < text.size() && text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : 2;
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' ||
      kind == 'X') {  // strings, up to BEL or ESC backslash
    const size_t bell = text.find('\a');
    const size_t end = text.find("\x1b\\", 2);
    if (bell == std::string_view::npos && end == std::string_view::npos) return 2;
    return bell < end ? bell + 1 : end + 2;
  }
  size_t i = 1;  // others: intermediates, then one final byte
  while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x2f) ++i;
  return i < text.size() && text[i] >= 0x30 && text[i] <= 0x7e ? i + 1 : 1;
}

/// Whether the three bytes at `text` are U+FFFE or U+FFFF, which XML does not allow.
bool is_non_character(std::string_view text) {
  return text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
}

std::string xml_seconds(int64_t ns) { return fmt::format("{:.6f}", static_cast<double>(ns) / 1e9); }

std::string timestamp(uint64_t wall_ns) {
  const std::chrono::sys_seconds time{std::chrono::seconds(wall_ns / 1'000'000'000)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

/// "tests/cli/a.txt" as "tests.cli.a".
std::string class_name(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && (slash == std::string_view::npos || dot > slash))
    path = path.substr(0, dot);
  std::string out(path);
  std::replace(out.begin(), out.end(), '/', '.');
  return out;
}

std::string lines_of(const std::function<void(const TakeLine&)>& render) {
  std::string out;
  render([&](Style, std::string_view line) {
    out += xml_text(line);
    out += '\n';
  });
  return out;
}

/// The element that says how a script or a case went, empty for a pass.
/// @param details of a mismatch; @param fault of an error
std::string verdict(Outcome outcome, const std::string& reason, std::string_view fault,
                    const std::string& details) {
  const std::string message = xml_text(reason.substr(0, reason.find('\n')));
  switch (outcome) {
    case Outcome::pass:
    case Outcome::flaky:
      return "";
    case Outcome::xfail:
      return fmt::format("<skipped message=\"expected to fail: {}\"/>\n", message);
    case Outcome::xpass:
    case Outcome::fail:
      return fmt::format("<failure message=\"{}\" type=\"mismatch\">{}</failure>\n", message, details);
    case Outcome::error:
      return fmt::format("<error message=\"{}\" type=\"{}\">{}</error>\n", message, xml_text(fault),
                         xml_text(reason));
    case Outcome::skip:
      return fmt::format("<skipped message=\"{}\"/>\n", message);
    case Outcome::not_run:
      return fmt::format("<error message=\"not run: {}\" type=\"not_run\"/>\n", message);
  }
  return "";
}

struct TestCase {
  std::string name, file;
  uint32_t line = 0;  ///< 0: none is told
  int64_t duration_ns = 0;
  std::string verdict, log;
};

std::string element(const TestCase& test, const ScriptReport& script) {
  std::string xml =
      fmt::format("<testcase name=\"{}\" classname=\"{}\" time=\"{}\" file=\"{}\"",
                  xml_text(text::printable(test.name)), xml_text(text::printable(class_name(script.name))),
                  xml_seconds(test.duration_ns), xml_text(text::printable(test.file)));
  if (test.line != 0) xml += fmt::format(" line=\"{}\"", test.line);
  xml += ">\n" + test.verdict;
  if (!test.log.empty()) xml += fmt::format("<system-out>{}</system-out>\n", test.log);
  return xml + "</testcase>\n";
}

/// The script as a whole.
TestCase whole(const ScriptReport& script, std::string_view work) {
  TestCase test;
  test.name = script.name.substr(script.name.rfind('/') + 1);
  const FailureAt* failure = script.main_failure();
  test.file = failure == nullptr || failure->file.empty() ? script.name : failure->file;
  if (script.outcome != Outcome::pass) test.line = failure == nullptr ? script.line : failure->line;
  test.duration_ns = script.duration_ns;
  const bool document = !script.cases.empty();
  const auto details = [&](const TakeLine& take) {
    if (document) return render_around_cases(script, work, take);
    render_failures(script, work, take);
  };
  test.verdict = verdict(script.outcome, summary_of(script, work), script.fault, lines_of(details));
  if (!document) test.log = lines_of([&](const TakeLine& take) { render_log(script, work, take); });
  return test;
}

TestCase one_of(const ScriptReport& script, size_t index, const std::string& name) {
  const CaseReport& from = script.cases[index];
  TestCase test;
  test.name = name;
  test.file = from.file.empty() ? script.name : from.file;
  test.line = from.line;
  test.duration_ns = from.duration_ns;
  std::string details = lines_of([&](const TakeLine& take) { render_case(script, index, take); });
  if (details.empty() && from.outcome == Outcome::fail)
    details = "[only the first failures of a document are kept whole]\n";
  test.verdict = verdict(from.outcome, from.reason, "case", details);
  // A failure shows it all; what else a case printed is there when everything is kept.
  if (from.outcome != Outcome::fail) test.log = details;
  return test;
}

}  // namespace

std::string xml_text(std::string_view bytes) {
  std::string plain;
  while (!bytes.empty()) {
    const char c = bytes[0];
    if (c == '\x1b') {
      bytes.remove_prefix(escape_length(bytes));
      continue;
    }
    plain += c;
    bytes.remove_prefix(1);
  }
  const std::string utf8 = text::to_utf8(plain);
  std::string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size(); ++i) {
    const char c = utf8[i];
    const auto byte = static_cast<unsigned char>(c);
    if (is_non_character(std::string_view(utf8).substr(i))) {
      out += "\xef\xbf\xbd";
      i += 2;
    } else if (byte < 0x20 && c != '\t' && c != '\n') {
      continue;
    } else if (byte == 0x7f) {
      continue;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

Junit::Junit(sys::OutputFile file, std::string path, std::string work)
    : file_(std::move(file)),
      path_(std::move(path)),
      work_(std::move(work)),
      started_ns_(sys::realtime_ns()) {}

Result<std::unique_ptr<Junit>> Junit::create(std::string path, std::string work) {
  sys::OutputFile file = TRY_IN(sys::OutputFile::create(path), "--junit");
  return std::make_unique<Junit>(std::move(file), std::move(path), std::move(work));
}

void Junit::script_ended(const ScriptReport& script) {
  CaseCounts counts = script.counts;
  const bool as_a_whole = script.cases.empty() || script.beyond_cases();
  if (as_a_whole) counts.count(script.outcome);
  counts_.add(counts);
  const std::string name = xml_text(text::printable(script.name));
  suites_.append(fmt::format(
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" "
      "timestamp=\"{}\" "
      "file=\"{}\">\n<properties>\n<property name=\"image\" value=\"{}\"/>\n</properties>\n",
      name, counts.total(), counts.failed, counts.errors + counts.not_run, counts.skipped,
      xml_seconds(script.duration_ns),
      timestamp(started_ns_ + static_cast<uint64_t>(std::max<int64_t>(0, script.started_ns))), name,
      xml_text(script.image)));
  const std::vector<std::string> names = unique_names(script);
  for (size_t i = 0; i < script.cases.size(); ++i)
    suites_.append(element(one_of(script, i, names[i]), script));
  if (as_a_whole) {
    suites_.append(element(whole(script, work_), script));
  } else {
    const std::string around =
        lines_of([&](const TakeLine& take) { render_around_cases(script, work_, take); });
    if (!around.empty()) suites_.append(fmt::format("<system-out>{}</system-out>\n", around));
  }
  suites_.append("</testsuite>\n");
}

Status Junit::write(const RunEnding& ending) {
  CHECK_OK(suites_.status());
  const int file = TRY(file_.begin());
  CHECK_OK(sys::write_full(
      file,
      fmt::format(
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"testctr-script\" tests=\"{}\" "
          "failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n",
          counts_.total(), counts_.failed, counts_.errors + counts_.not_run, counts_.skipped,
          xml_seconds(ending.duration_ns), timestamp(started_ns_))));
  constexpr size_t piece = size_t{1} << 20;
  for (uint64_t offset = 0; offset < suites_.size(); offset += piece)
    CHECK_OK(sys::write_full(file, suites_.read(offset, piece)));
  CHECK_OK(sys::write_full(file, "</testsuites>\n"));
  return file_.finish();
}

void Junit::run_ended(const RunEnding& ending, const Tally& /*tally*/) {
  status_ = write(ending);
  if (!status_.ok()) status_.error().in(fmt::format("writing {}", text::printable(path_)));
}

}  // namespace testctr::report
