// `explain`: why tests of the last run failed, from what `run` has kept of them.
#include <unistd.h>

#include <ctime>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "last_run.h"
#include "report/findings.h"
#include "report/terminal.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "-f,--manifest",
     .value = "FILE",
     .help = "the last run of this manifest's tests (default: the last one here, or of testctr.yaml here or\n"
             "in a folder above)"},
    {.names = "--json", .help = "a JSON object for each test, a line each, in place of the text"},
    {.names = "--color",
     .value = "WHEN",
     .help = "auto, always or never; auto: on a terminal (see also NO_COLOR, FORCE_COLOR; default: auto)",
     .choices = "auto|always|never"}};

constexpr std::string_view examples =
    "testctr-script explain\n"
    "testctr-script explain mytest.txt\n"
    "testctr-script explain --json build\n";

constexpr std::string_view help_text =
    "NAME is that of a test that failed the last time it ran here, as `run` tells it; without one, all of "
    "them are explained. For each it tells the\n"
    "failure again, then what can be found in it: system calls that the filter refused, limits that struck, "
    "programs, shared libraries and files that are\n"
    "missing, a network that is not there - each with what helps -, what is different from when the test "
    "passed last, and the command lines to go on with.\n"
    "What a finding says is what such a message means most often, not more.\n"
    "\n"
    "`run` keeps of each test that fails its last attempt, the first and last parts where that is more than "
    "1 MiB, secrets masked; of each that passes\n"
    "digests of what it ran under; both beside what --failed needs, in $TESTCTR_HOME/state or "
    "$XDG_STATE_HOME/testctr, readable for you alone. A test that\n"
    "passes, or failed more than a month ago, is not kept.\n"
    "\n"
    "Exit codes: 0 something was explained, 4 nothing failed the last time, 3 what is kept of all that "
    "failed "
    "is missing or damaged.\n";

/// What is known of one test.
struct Subject {
  plan::TestKey test;
  Outcome outcome = Outcome::not_run;  ///< of the last time
  std::optional<run::KeptFailure> kept;
  std::optional<report::Circumstances> passed;
  std::vector<report::Finding> findings = {};
  std::vector<std::string> differences = {};
  std::vector<std::pair<std::string, std::string>> next = {};  ///< what it does, the command line
};

/// The tests that are meant: those that failed, or those of these names.
Result<std::vector<plan::TestKey>> meant(const run::History& history, const std::vector<std::string>& names) {
  const std::set<plan::TestKey> failed = history.failed();
  if (names.empty()) return std::vector(failed.begin(), failed.end());
  std::vector<plan::TestKey> all;
  for (const std::string& given : names) {
    const std::string name = plan::key_of(given, "").first;
    bool known = false;
    std::vector<std::string> others;
    for (const auto& [test, past] : history.tests()) {
      others.push_back(test.first);
      if (test.first != name) continue;
      known = true;
      if (!failed.contains(test)) {
        complain(
            fmt::format("{} did not fail the last time: {}", text::printable(name), to_string(past.outcome)));
      } else if (std::find(all.begin(), all.end(), test) == all.end()) {
        all.push_back(test);
      }
    }
    if (known) continue;
    Error error =
        Error::usage(fmt::format("explain: no test {} is known of an earlier run here", text::quoted(name)));
    const auto near = text::nearest(name, others);
    return std::move(error).hint(near ? fmt::format("did you mean {}?", text::quoted(*near))
                                      : "`testctr-script explain` without a name explains all that failed");
  }
  return all;
}

void add_next(Subject& subject) {
  const run::KeptFailure& kept = *subject.kept;
  const std::string name = name_of(kept, subject.test);
  const std::string image = image_of(kept, subject.test);
  std::string words;
  if (!kept.manifest.empty()) {
    words = fmt::format(
        "{}-t {}",
        is_usual_manifest(kept.manifest) ? "" : fmt::format("-f {} ", text::shell_quoted(kept.manifest)),
        text::shell_quoted(name));
  } else {
    words = fmt::format("{}{}{}", text::shell_quoted(image), image.empty() ? "" : " ",
                        text::shell_quoted(kept.file));
    if (image.empty()) words = text::shell_quoted(kept.file);
  }
  subject.next.emplace_back("runs it again", fmt::format("testctr-script run {}", words));
  subject.next.emplace_back("stops where it fails", fmt::format("testctr-script run --debug {}", words));
  const uint32_t line = line_of(kept);
  // A text of the manifest has no file of its own.
  if (line > 0 && !kept.file.empty() && kept.file != kept.manifest)
    subject.next.emplace_back("a shell before that line",
                              "testctr-script shell " + shell_words(kept, subject.test, line));
  subject.next.emplace_back("a bug report that runs",
                            fmt::format("testctr-script pack {} -o bug.run", words));
}

Result<std::vector<Subject>> look(const run::History& history, const std::vector<std::string>& names) {
  std::vector<Subject> all;
  const run::KeptFailures failures(history.path());
  const auto passed = TRY(failures.passed());
  for (const plan::TestKey& test : TRY(meant(history, names))) {
    Subject subject{test, history.tests().at(test).outcome, failures.failure(test), std::nullopt};
    const auto green = passed.find(test);
    if (green != passed.end()) subject.passed = green->second;
    if (subject.kept) {
      subject.findings = report::findings_of(subject.kept->events, subject.kept->was);
      if (subject.passed) subject.differences = report::differences(*subject.passed, subject.kept->was);
      add_next(subject);
    }
    all.push_back(std::move(subject));
  }
  return all;
}

int64_t seconds_of(const report::Circumstances& was) {
  const auto found = was.find("unix_s");
  return found == was.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
}

std::string date_of(int64_t unix_s) {
  const auto when = static_cast<time_t>(unix_s);
  struct tm parts {};
  if (unix_s <= 0 || ::localtime_r(&when, &parts) == nullptr) return "some time";
  char buffer[64];
  return std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S", &parts) > 0 ? buffer : "some time";
}

/// The report for people: the failure as `run` tells it, then what there is to say of it.
class Teller {
 public:
  explicit Teller(report::Palette palette) : palette_(palette) {}

  void tell(const Subject& subject) {
    if (std::exchange(any_, true)) out_.write("\n");
    if (subject.outcome == Outcome::not_run) unfinished(subject);
    if (!subject.kept) return;
    failure(*subject.kept);
    if (subject.kept->cut)
      line(report::Style::note, "[not all that it printed is kept: what is missing above was too much]");
    for (const report::Finding& finding : subject.findings) found(*subject.kept, finding);
    compared(subject);
    line(report::Style::title, "to go on (with the options that it was run with):");
    for (const auto& [what, command] : subject.next)
      line(report::Style::plain, fmt::format("  {}  # {}", command, what));
  }
  [[nodiscard]] Status status() const { return out_.status(); }

 private:
  void line(report::Style style, std::string_view text) {
    const std::string safe = text::printable(text, /*keep_layout=*/true);
    out_.write(report::painted(report::code_of(style, palette_), safe) + "\n");
  }

  void unfinished(const Subject& subject) {
    line(report::Style::failure,
         fmt::format("{}: the last run ended before it did: it was stopped, or killed{}", subject.test.first,
                     subject.kept ? "; before that it had failed:" : ""));
  }

  void failure(const run::KeptFailure& kept) {
    report::Collector collector(/*everything=*/false);
    report::TerminalOptions looks;
    looks.palette = palette_;
    collector.add(std::make_unique<report::Terminal>(out_, nowhere_, looks));
    for (Event event : kept.events) {
      event.script = 0;
      event.attempt = 0;
      event.last = true;
      collector.take(event);
    }
  }

  void found(const run::KeptFailure& kept, const report::Finding& finding) {
    const std::string where =
        finding.line == 0
            ? ""
            : fmt::format("{}:{}: ", finding.file.empty() ? kept.file : finding.file, finding.line);
    line(report::Style::title, fmt::format("found: {}{}", where, finding.text));
    line(report::Style::hint, fmt::format("  {}", finding.mend));
  }

  void compared(const Subject& subject) {
    if (!subject.passed) return line(report::Style::title, "it is not known to have passed here before");
    const std::string when = date_of(seconds_of(*subject.passed));
    if (subject.differences.empty())
      return line(report::Style::title,
                  fmt::format("nothing that is kept differs from when it passed last, at {}", when));
    line(report::Style::title, fmt::format("different from when it passed last, at {}:", when));
    for (const std::string& difference : subject.differences)
      line(report::Style::plain, fmt::format("  {}", difference));
  }

  report::FdWriter out_{STDOUT_FILENO, "standard output"};
  report::StringWriter nowhere_;
  report::Palette palette_;
  bool any_ = false;
};

Json failures_json(const run::KeptFailure& kept) {
  Json all = Json::array();
  for (const Event& event : kept.events) {
    if (event.kind != Event::Kind::failure) continue;
    Json one = Json::object();
    if (event.line > 0) one["line"] = event.line;
    const std::pair<const char*, const std::string*> members[] = {{"file", &event.file},
                                                                  {"command", &event.failure.command},
                                                                  {"reason", &event.failure.reason},
                                                                  {"expected", &event.failure.expected},
                                                                  {"actual", &event.failure.actual},
                                                                  {"diff", &event.failure.diff},
                                                                  {"hint", &event.failure.hint}};
    for (const auto& [key, value] : members)
      if (!value->empty()) one[key] = json::from_bytes(*value);
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of(const Subject& subject) {
  Json object{{"version", 1},
              {"type", "explained"},
              {"name", json::from_bytes(subject.test.first)},
              {"image", json::from_bytes(subject.test.second)},
              {"outcome", std::string(to_string(subject.outcome))},
              {"kept", subject.kept.has_value()},
              {"findings", Json::array()},
              {"differences", Json::array()},
              {"next", Json::array()}};
  for (const report::Finding& finding : subject.findings) {
    Json one{{"kind", finding.kind}, {"text", json::from_bytes(finding.text)}, {"mend", finding.mend}};
    if (finding.line > 0) one["line"] = finding.line;
    if (!finding.file.empty()) one["file"] = json::from_bytes(finding.file);
    object["findings"].push_back(std::move(one));
  }
  for (const std::string& one : subject.differences) object["differences"].push_back(json::from_bytes(one));
  for (const auto& [what, command] : subject.next)
    object["next"].push_back(Json{{"what", what}, {"command", json::from_bytes(command)}});
  if (subject.passed) object["passed_unix_s"] = seconds_of(*subject.passed);
  if (!subject.kept) return object;
  object["failed_unix_s"] = subject.kept->unix_s;
  object["cut"] = subject.kept->cut;
  object["reason"] = json::from_bytes(subject.kept->events.back().text);
  object["failures"] = failures_json(*subject.kept);
  return object;
}

Result<int> run_explain(const Arguments& arguments) {
  static const std::vector<std::string> when{"auto", "always", "never"};
  const std::string color = TRY(arguments.choice("--color", when)).value_or("auto");
  const run::History history = TRY(history_of_last(arguments.value("--manifest")));
  if (history.tests().empty()) {
    complain("nothing is known of an earlier run here");
    return exit_nothing;
  }
  const std::vector<Subject> subjects = TRY(look(history, arguments.positionals()));
  if (subjects.empty()) {
    if (arguments.positionals().empty()) complain("no test failed the last time");
    return exit_nothing;
  }
  Teller teller(report::palette_for(STDOUT_FILENO, color == "never", color == "always"));
  size_t explained = 0;
  for (const Subject& subject : subjects) {
    if (subject.kept || subject.outcome == Outcome::not_run) {
      ++explained;
    } else {
      complain(fmt::format("{}: what is kept of its failure is missing or damaged: run it again",
                           text::printable(subject.test.first)));
    }
    if (arguments.flag("--json")) {
      CHECK_OK(print(json::dump(json_of(subject)) + "\n"));
    } else {
      teller.tell(subject);
    }
  }
  CHECK_OK(teller.status());
  return explained > 0 ? exit_passed : exit_infrastructure;
}

const Registration explain({.name = "explain",
                            .rank = 125,
                            .summary = "say why tests of the last run failed, and what was different before",
                            .synopsis = "[NAME...]",
                            .examples = examples,
                            .options = options,
                            .text = help_text,
                            .run = run_explain});

}  // namespace
}  // namespace testctr::cmd
