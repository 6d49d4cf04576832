// `check`: what is wrong with manifests, scripts and documents, all of it, without running anything.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/text.h"
#include "commands.h"
#include "interpret/lint.h"
#include "plan/checks.h"
#include "plan/from_manifest.h"
#include "plan/plan_request.h"
#include "plan/select.h"
#include "run_request.h"
#include "sarif.h"
#include "script/script.h"
#include "script/txtar.h"

namespace testctr::cmd {
namespace {

using interpret::Finding;

bool is_manifest(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// Takes ":NUMBER" from the end of a text.
std::optional<uint32_t> take_number(std::string_view& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  text = text.substr(0, colon);
  return number;
}

/// "FILE:LINE:COLUMN: MESSAGE", or the same without a column; nothing where the text begins otherwise.
std::optional<Finding> located(std::string_view text) {
  const size_t end = text.find(": ");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view place = text.substr(0, end);
  const auto last = take_number(place);
  if (!last) return std::nullopt;
  const auto first = take_number(place);
  Finding finding;
  finding.file = place;
  finding.line = first.value_or(*last);
  finding.column = first ? *last : 0;
  finding.message = text.substr(end + 2);
  return finding;
}

/// What an error says, a line for each thing that is wrong, as findings of one rule.
/// @param file where it does not say so
std::vector<Finding> findings_of(const Error& error, std::string_view rule, const std::string& file) {
  std::vector<Finding> findings;
  const std::string message = error.message();
  for (std::string_view line : text::lines(message)) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    std::optional<Finding> finding = located(line);
    if (!finding && !findings.empty()) {
      // What is indented is the hint for what stands above.
      std::string& hint = findings.back().hint;
      hint += (hint.empty() ? "" : "\n") + std::string(text::trim(line));
      continue;
    }
    if (!finding) {
      finding.emplace();
      finding->file = file;
      finding->message = line.starts_with(file + ": ") ? line.substr(file.size() + 2) : line;
    }
    findings.push_back(*std::move(finding));
  }
  for (Finding& finding : findings) finding.rule = interpret::find_rule(rule)->id;
  if (!findings.empty() && findings.back().hint.empty()) findings.back().hint = error.hint();
  return findings;
}

/// Which rule it is that a script does not parse by.
std::string_view rule_of(const std::string& source, const Error& error) {
  const auto finding = located(error.message());
  const auto archive = script::split_archive("", source);
  if (!finding || !archive.ok()) return "syntax";
  std::set<std::string_view> names;
  for (const script::Member& member : archive.value().members) {
    if (!names.insert(member.name).second && member.line == finding->line) return "duplicate-file";
  }
  return "syntax";
}

std::vector<std::string> programs_of(const plan::Job& job) {
  std::vector<std::string> names = job.scripts.commands;
  for (const plan::HostProgram& program : job.programs) names.push_back(program.name);
  return names;
}

/// What is looked through of one path. Each thing is told once: a script may stand in several jobs.
class Check {
 public:
  /// @param asked what the command line says of scripts and of manifests
  explicit Check(plan::RunRequest asked) : asked_(std::move(asked)) { asked_.looks_only = true; }

  void manifest(const std::string& path) {
    const auto manifest = plan::read_manifest(path);
    if (!manifest.ok()) return wrong(manifest.error(), "manifest", path);
    const auto plan = plan::plan_of_manifest(manifest.value(), asked_);
    if (!plan.ok()) return wrong(plan.error(), "manifest", path);
    for (const plan::Job& one : plan.value().jobs) job(one);
  }

  void scripts(const std::string& path) {
    const auto selection = plan::select({path}, std::nullopt);
    if (!selection.ok()) return wrong(selection.error(), "unreadable", path);
    for (const plan::Selected& selected : selection.value().scripts) {
      plan::Job one;
      one.file = one.name = selected.path;
      one.format = selected.format;
      one.language = asked_.language.value_or(script::Language::testctr);
      one.scripts = asked_.scripts;
      plan::read_script(one, selected.folder);
      job(one);
    }
  }

  /// All that was found, in the order of files, lines and columns.
  [[nodiscard]] std::vector<Finding> findings() const { return {found_.begin(), found_.end()}; }
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] size_t tests() const { return tests_; }
  [[nodiscard]] const std::map<std::string, std::string>& sources() const { return sources_; }

 private:
  void wrong(const Error& error, std::string_view rule, const std::string& file) {
    for (Finding& finding : findings_of(error, rule, file)) found_.insert(std::move(finding));
    code_ = std::max(code_, exit_code(error.fault()));
  }

  void job(const plan::Job& job) {
    ++tests_;
    sources_.emplace(job.file, job.source);
    if (job.error) {
      const bool is_script = job.format == plan::Format::script;
      return wrong(*job.error,
                   job.source.empty() ? "unreadable"
                   : is_script        ? rule_of(job.source, *job.error)
                                      : "document",
                   job.file);
    }
    interpret::LintOptions options{programs_of(job), {}, false, !job.further.empty()};
    for (const auto& [name, is] : job.scripts.conditions) options.conditions.push_back(name);
    step(job, options);
    options.goes_on = true;
    for (const plan::Step& further : job.further) step(further, options);
  }

  void step(const plan::Step& step, const interpret::LintOptions& options) {
    if (step.format != plan::Format::script) return;
    sources_.emplace(step.file, step.source);
    const auto script = script::parse(step.file, step.source, step.language);
    if (!script.ok()) return wrong(script.error(), rule_of(step.source, script.error()), step.file);
    std::vector<Finding> errors = interpret::errors_in(script.value(), options.programs, options.conditions);
    if (!errors.empty()) code_ = std::max(code_, exit_usage);
    found_.insert(errors.begin(), errors.end());
    std::vector<Finding> late = interpret::late_errors_in(script.value(), options);
    if (!late.empty()) code_ = std::max(code_, exit_usage);
    found_.insert(late.begin(), late.end());
    std::vector<Finding> warnings = interpret::lint(script.value(), options);
    found_.insert(warnings.begin(), warnings.end());
  }

  plan::RunRequest asked_;
  std::set<Finding> found_;
  std::map<std::string, std::string> sources_;  ///< of the files that were read, by name
  size_t tests_ = 0;
  int code_ = exit_passed;
};

bool is_warning(const Finding& finding) {
  return interpret::find_rule(finding.rule)->severity == interpret::Severity::warning;
}

void tell(const Finding& finding) {
  std::string place = text::printable(finding.file);
  if (finding.line != 0) place += fmt::format(":{}", finding.line);
  if (finding.column != 0) place += fmt::format(":{}", finding.column);
  std::string line = fmt::format("{}: {}{} [{}]", place, is_warning(finding) ? "warning: " : "",
                                 finding.message, finding.rule);
  if (!finding.hint.empty()) line += "\n  " + finding.hint;
  complain(line);
}

Status tell_all(const std::string& path, const Check& check, const std::vector<Finding>& findings,
                bool strict) {
  for (const Finding& finding : findings) tell(finding);
  const bool bad = check.code() != exit_passed || (strict && !findings.empty());
  if (bad) return {};
  const std::string warnings =
      findings.empty() ? "" : fmt::format(", {} warning{}", findings.size(), findings.size() == 1 ? "" : "s");
  return print(fmt::format("ok    {} ({} {}{})\n", text::printable(path), check.tests(),
                           check.tests() == 1 ? "test" : "tests", warnings));
}

Status print_rules() {
  std::string list;
  for (const interpret::Rule& rule : interpret::all_rules())
    list += fmt::format("{:<21} {:<8} {}\n", rule.id,
                        rule.severity == interpret::Severity::error ? "error" : "warning", rule.summary);
  return print(list);
}

Result<int> run_check(const Arguments& arguments) {
  if (arguments.flag("--rules")) {
    CHECK_OK(print_rules());
    return exit_passed;
  }
  std::vector<std::string> paths = arguments.positionals();
  if (paths.empty()) paths.push_back(TRY(plan::manifest_path(std::nullopt, "nothing is named to check")));
  plan::RunRequest asked;
  CHECK_OK(set_scripts(arguments, asked));
  const bool strict = arguments.flag("--strict"), as_sarif = arguments.flag("--sarif");
  int code = exit_passed;
  bool warned = false;
  std::set<Finding> all;
  std::map<std::string, std::string> sources;
  for (const std::string& path : paths) {
    Check check(asked);
    if (is_manifest(path)) {
      check.manifest(path);
    } else {
      check.scripts(path);
    }
    const std::vector<Finding> findings = check.findings();
    warned = warned || std::any_of(findings.begin(), findings.end(), is_warning);
    code = std::max(code, check.code());
    if (!as_sarif) {
      CHECK_OK(tell_all(path, check, findings, strict));
      continue;
    }
    all.insert(findings.begin(), findings.end());
    sources.insert(check.sources().begin(), check.sources().end());
  }
  if (as_sarif) {
    const auto source = [&](const std::string& file) -> std::optional<std::string_view> {
      const auto known = sources.find(file);
      if (known == sources.end()) return std::nullopt;
      return known->second;
    };
    CHECK_OK(print(sarif({all.begin(), all.end()}, source)));
  }
  return code == exit_passed && strict && warned ? exit_failed : code;
}

constexpr Option options[] = {
    dialect_option,
    command_option,
    condition_option,
    {.names = "--strict", .help = "warnings count: exit code 1 when there are any, and no errors"},
    {.names = "--sarif", .help = "write SARIF 2.1.0 to standard output in place of the text"},
    {.names = "--rules", .help = "list what is looked for, and do nothing else"}};

const Registration check(
    {.name = "check",
     .rank = 210,
     .summary = "what is wrong with manifests, scripts and documents",
     .synopsis = "[FILE...]",
     .examples = "testctr-script check\ntestctr-script check testctr.yaml tests/\n"
                 "testctr-script check --strict --sarif tests/ > findings.sarif\n",
     .options = options,
     .text =
         "Reads manifests (.yaml .yml) with all scripts that they name, scripts, documents "
         "and folders of them, and tells every mistake\n"
         "with its place; runs nothing. Without arguments: testctr.yaml here or in a "
         "folder above.\n\n"
         "Errors keep a test from running: exit code 2. Warnings are lines of scripts that run and hardly do "
         "what they should: assertions that\ncannot fail, lines that are never reached, what only a shell "
         "would understand. With them alone the exit code is 0, with --strict 1.\nEach has the name of its "
         "rule in brackets. A comment leaves warnings out, at the end of a line for that line, on a line of "
         "its own\n(indented, or it begins a phase) for the whole script:\n\n"
         "  exec expr 2 * 3    # check:ignore shell-glob\n",
     .run = run_check});

}  // namespace
}  // namespace testctr::cmd
