// The reports that a command writes of a run: which were asked for, and where they go.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "commands.h"
#include "plan/plan.h"
#include "report/collector.h"
#include "report/writer.h"
#include "report_files.h"
#include "run/run.h"
#include "stop_signals.h"

namespace testctr::cmd {

inline constexpr std::array report_options{
    Option{.names = "--json", .help = "events as JSON lines on standard output, in place of the text"},
    Option{.names = "--tap", .help = "TAP 14 on standard output, in place of the text"},
    Option{
        .names = "--junit",
        .value = "FILE",
        .help = "also write JUnit XML; a file is replaced when the run ends, a device or FIFO written into"},
    Option{.names = "--report",
           .value = "FORMAT=FILE",
           .help = "also write a report into a file: ctrf, html, json, junit, tap or text (`help reports`)",
           .repeats = true},
    Option{.names = "--ci-output",
           .value = "CI",
           .help = "what the text has for the log of a CI job: github (annotations, groups, summary), gitlab "
                   "(sections), none,\nor auto: by the environment, GITHUB_ACTIONS=true or GITLAB_CI=true "
                   "(default: auto)"},
    Option{.names = "-q,--quiet", .help = "only what went wrong, and the summary"},
    Option{.names = "-v,--verbose", .help = "the whole log of every script, every case of a document"},
    Option{
        .names = "--color",
        .value = "WHEN",
        .help = "auto, always or never; auto: on a terminal (see also NO_COLOR, FORCE_COLOR; default: auto)",
        .choices = "auto|always|never"},
    Option{.names = "--no-color", .help = "the same as --color never"},
    Option{
        .names = "--plain",
        .help =
            "for screen readers: a line for each thing that happens, words in place of signs, no colours,\n"
            "nothing drawn anew"},
    Option{.names = "--slow",
           .value = "TIME",
           .help =
               "a test that runs longer is marked as slow while it runs, and where there is no terminal that "
               "is told,\nonce (default: 10s on a terminal, else 60s)"}};

/// The options of a command with those that choose reports.
template <size_t N>
constexpr auto with_report_options(const std::array<Option, N>& own) {
  std::array<Option, N + report_options.size()> all{};
  std::copy(report_options.begin(), report_options.end(), std::copy(own.begin(), own.end(), all.begin()));
  return all;
}

/// Whose job's log the text is made for.
enum class CiOutput : uint8_t { none, github, gitlab };
/// What `--ci-output` says, or the environment; none where standard output is no text. A usage error: one is
/// asked for there.
Result<CiOutput> ci_output(const Arguments& arguments);

/// Usage errors: reports that exclude each other, looks that do.
Status check_reports(const Arguments& arguments);

/// The reporters that were asked for.
class Reports {
 public:
  /// @param plan whose tests' time limits are told of @param lacks what the text begins with @param live
  /// whether progress may be shown on a terminal
  Reports(const Arguments& arguments, const plan::Plan& plan, ReportFiles files,
          std::vector<std::string> lacks, bool live);
  report::Collector& collector() { return collector_; }
  /// The files that change while tests run.
  [[nodiscard]] const std::vector<std::string>& growing() const { return growing_; }

 private:
  std::vector<std::string> growing_;
  report::FdWriter out_;
  report::FdWriter live_;
  report::Collector collector_;
};

/// A run whose events go to the reports that were asked for.
class ReportedRun {
 public:
  /// @param arguments, plan borrowed @param started_ns when it began, for its duration
  /// @param lacks what the engine's containers lack: what the text begins with
  /// @param live whether progress may be shown on a terminal: not where somebody else writes on it
  ReportedRun(const Arguments& arguments, const plan::Plan& plan, ReportFiles files, uint64_t started_ns,
              std::vector<std::string> lacks, bool live = true);
  report::Collector& collector() { return reports_.collector(); }
  /// Runs the plan. Where it cannot begin, every script ends with that error. @param events what is told of
  /// it, and tells the collector
  void run(const plan::Plan& plan, EventSink& events, run::Options how, const StopSignals& signals);
  [[nodiscard]] bool interrupted() const { return ending_.signal != 0; }
  /// Ends the reports. @return the exit code: of a run that passed, that of what kept a report from being
  /// written
  int finish();
  /// Whether all reports could be written; after finish().
  [[nodiscard]] bool is_whole() const { return whole_; }

 private:
  Reports reports_;
  report::RunEnding ending_;
  uint64_t started_ns_;
  bool whole_ = true;
};

}  // namespace testctr::cmd
