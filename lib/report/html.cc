#include "report/html.h"

#include <algorithm>

#include "base/digest.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "report/html_page.h"
#include "report/render_parts.h"
#include "report/xml.h"

namespace testctr::report {
namespace {

using Object = nlohmann::ordered_json;

constexpr size_t most_of_part = size_t{256} << 10;  // bytes of a log, and of the failures, of an attempt
constexpr size_t most_of_cases = size_t{1} << 20;   // of all cases of an attempt
constexpr size_t most_wrong = size_t{64} << 10;

/// JSON inside a <script>: nothing in it may be seen as markup.
std::string in_page(const Object& object) {
  std::string out;
  for (const char c : object.dump(-1, ' ', false, Object::error_handler_t::replace)) {
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

const char* kind_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::title:
      return "t";
    case Style::command:
      return "c";
    case Style::note:
      return "n";
    case Style::failure:
      return "f";
    case Style::removed:
      return "r";
    case Style::added:
      return "a";
    case Style::hint:
      return "h";
    case Style::warning:
      return "w";
  }
  return "";
}

/// Lines with their kinds, neighbours of one kind together, up to some bytes.
class Lines {
 public:
  explicit Lines(size_t& room) : room_(room) {}
  [[nodiscard]] TakeLine taker() {
    return [this](Style style, std::string_view line) { add(kind_of(style), line); };
  }
  [[nodiscard]] Object take() { return std::move(all_); }

 private:
  void add(std::string_view kind, std::string_view line) {
    if (room_ == 0) return;
    std::string shown = text::printable(line.substr(0, room_), /* keep_layout= */ true);
    room_ -= std::min(room_, line.size() + 1);
    // Of what is coloured each line is an element of its own.
    if (kind.empty() && !all_.empty() && all_.back()[0] == "") {
      std::string& last = all_.back()[1].get_ref<std::string&>();
      last += '\n';
      last += shown;
    } else {
      all_.push_back(Object::array({kind, std::move(shown)}));
    }
    if (room_ == 0)
      all_.push_back(Object::array({"n", "[... cut here; --report json=FILE has all of it ...]"}));
  }

  size_t& room_;
  Object all_ = Object::array();
};

Object lines_of(size_t& room, const std::function<void(const TakeLine&)>& render) {
  Lines lines(room);
  render(lines.taker());
  return lines.take();
}

Object lines_of(const std::function<void(const TakeLine&)>& render) {
  size_t room = most_of_part;
  return lines_of(room, render);
}

double milliseconds(int64_t ns) { return static_cast<double>(std::max<int64_t>(0, ns) / 1000) / 1000; }

Object cases_of(const ScriptReport& script) {
  Object cases = Object::array();
  const std::vector<std::string> names = unique_names(script);
  size_t room = most_of_cases;
  for (size_t i = 0; i < script.cases.size(); ++i) {
    const CaseReport& test = script.cases[i];
    cases.push_back({{"name", text::printable(names[i])},
                     {"place", place_of(script, test.file, test.line)},
                     {"outcome", to_string(test.outcome)},
                     {"why", text::printable(test.reason)},
                     {"took", milliseconds(test.duration_ns)},
                     {"lines", lines_of(room, [&](const TakeLine& take) { render_case(script, i, take); })}});
  }
  return cases;
}

std::string why_of(const ScriptReport& script, std::string_view work) {
  return text::printable(summary_of(script, work).substr(0, most_of_part), /* keep_layout= */ true);
}

Object attempt_of(const ScriptReport& script, std::string_view work) {
  Object attempt{{"outcome", to_string(script.outcome)},
                 {"why", why_of(script, work)},
                 {"image", text::printable(script.image)},
                 {"start", milliseconds(script.started_ns)},
                 {"took", milliseconds(script.duration_ns)},
                 {"cpu", milliseconds(script.cpu_ns)},
                 {"memory", script.peak_memory}};
  if (script.left.any()) attempt["left"] = left_of(script);
  if (script.cases.empty()) {
    attempt["failures"] = lines_of([&](const TakeLine& take) { render_failures(script, work, take); });
    attempt["log"] = lines_of([&](const TakeLine& take) { render_log(script, work, take); });
  } else {
    attempt["failures"] = lines_of([&](const TakeLine& take) { render_around_cases(script, work, take); });
    attempt["cases"] = cases_of(script);
  }
  return attempt;
}

/// [start, duration, outcome]
Object bar_of(const ScriptReport& attempt) {
  return Object::array(
      {milliseconds(attempt.started_ns), milliseconds(attempt.duration_ns), to_string(attempt.outcome)});
}

/// How a Content-Security-Policy names a script or a style that stands in the page.
std::string hash_of(std::string_view content) {
  const std::string hex = Digest::of(content).hex();
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return fmt::format("'sha256-{}'", text::base64(bytes));
}

}  // namespace

void Html::run_started(const RunStart& start) {
  start_ = start;
  if (start_.unix_ns == 0) start_.unix_ns = sys::realtime_ns();
}

void Html::script_ended(const ScriptReport& script) {
  Object bars = Object::array();
  Object attempts = Object::array();
  for (const ScriptReport& attempt : script.earlier) {
    bars.push_back(bar_of(attempt));
    attempts.push_back(attempt_of(attempt, work_));
  }
  bars.push_back(bar_of(script));
  attempts.push_back(attempt_of(script, work_));
  const Object row{{"name", text::printable(script.name)},
                   {"outcome", to_string(script.outcome)},
                   {"why", why_of(script, work_)},
                   {"memory", script.peak_memory},
                   {"attempts", std::move(bars)}};
  list_.append((tests_ == 0 ? "\n" : ",\n") + in_page(row));
  details_.append(fmt::format("<script type=\"application/json\" id=\"test{}\">{}</script>\n", tests_,
                              in_page(attempts)));
  ++tests_;
  if (!is_good(script.outcome) && wrong_.size() < most_wrong)
    wrong_.append(fmt::format("<li>{}</li>\n", xml_text(title_of(script, work_).substr(0, most_of_part))));
}

void Html::run_ended(const RunEnding& ending, const Tally& tally) {
  const bool green = tally.exit_code(ending) == 0;
  const std::string line = xml_text(tally.line(ending));
  out_.write(
      fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                  "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; "
                  "script-src {}; base-uri "
                  "'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
                  "initial-scale=1\">\n<title>{}: {}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
                  hash_of(page_style), hash_of(page_script), green ? "passed" : "failed", line, page_style));
  out_.write(fmt::format("<h1{}>Test run <strong>{}</strong></h1>\n<p id=\"summary\">{}</p>\n",
                         green ? " class=\"green\"" : "", green ? "passed" : "failed", line));
  for (const std::string& more : {tally.cases_line(), tally.kinds_line()})
    if (!more.empty()) out_.write(fmt::format("<p>{}</p>\n", xml_text(more)));
  out_.write(
      fmt::format("<p class=\"dim\">testctr-script {}, began {}, exit code {}{}</p>\n", TESTCTR_VERSION,
                  timestamp_of(start_.unix_ns), tally.exit_code(ending),
                  start_.shards == 0 ? "" : fmt::format(", shard {} of {}", start_.shard, start_.shards)));
  out_.write(
      "<noscript><p>The list of tests is made by a script, which this browser does not run. What went "
      "wrong:</p>\n<ul>\n");
  write_all(out_, wrong_);
  out_.write(
      fmt::format("</ul></noscript>\n{}</main>\n<script type=\"application/json\" id=\"run\">[", page_body));
  write_all(out_, list_);
  out_.write("\n]</script>\n");
  write_all(out_, details_);
  out_.write(fmt::format("<script>{}</script>\n</body>\n</html>\n", page_script));
}

Status Html::status() const {
  for (const Spill* each : {&list_, &details_, &wrong_})
    if (!each->status().ok()) return each->status();
  return {};
}

}  // namespace testctr::report
