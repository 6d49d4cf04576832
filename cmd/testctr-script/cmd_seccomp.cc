// `seccomp`: the default system call filter in words, a least profile from a run, and whether a profile is
// understood and enough.
#include <sys/utsname.h>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "plan/plan_request.h"
#include "reports.h"
#include "run/run.h"
#include "run_request.h"
#include "run_setup.h"
#include "sandbox/filter.h"
#include "sandbox/learn.h"
#include "sandbox/profile.h"

namespace testctr::cmd {
namespace {

Result<int> run_show(const Arguments&) {
  CHECK_OK(print(sandbox::default_table_text()));
  return exit_passed;
}

/// Runs what a request names. @param learn as run::Options::learn
Result<int> run_tests(const Arguments& arguments, const plan::RunRequest& request, int learn) {
  const uint64_t started = sys::monotonic_ns();
  CHECK_OK(check_reports(arguments));
  plan::Plan plan = TRY(plan::plan_request(request));
  for (const std::string& note : plan.notes) complain(note);
  if (plan.jobs.empty()) {
    complain("nothing was selected to run");
    return exit_nothing;
  }
  RunSetup setup = TRY(set_up_run(arguments, plan, arguments.flag("--quiet")));
  setup.how.learn = learn;
  ReportedRun reported(arguments, plan, TRY(report_files(arguments, plan)), started, setup.chosen.lacks());
  reported.run(plan, reported.collector(), setup.how, setup.signals);
  return reported.finish();
}

Result<int> run_learn(const Arguments& arguments) {
  const std::optional<std::string> output = arguments.value("--output");
  if (!output)
    return Error::usage("seccomp learn: nothing says where the profile goes").hint("add `-o profile.json`");
  sys::OutputFile file = TRY_IN(sys::OutputFile::create(*output), "--output");
  plan::RunRequest request = TRY(request_of(arguments));
  add_manifest(arguments, request);
  const Fd record = TRY(sys::memory_file("system calls"));
  if (fcntl(record.get(), F_SETFL, O_APPEND) != 0) return Error::system("fcntl", "O_APPEND");
  const int code = TRY(run_tests(arguments, request, record.get()));
  if (code != exit_passed) {
    complain(fmt::format(
        "no profile is written to {}: what a run that did not pass has not called may still be needed",
        text::printable(*output)));
    return code;
  }
  const std::set<std::string> calls = TRY(sandbox::read_learned(record.get()));
  CHECK_OK(sys::write_full(TRY(file.begin()), sandbox::profile_of(calls)));
  CHECK_OK(file.finish());
  complain(fmt::format("{}: {} system calls; `testctr-script seccomp check {} ...` runs under it",
                       text::printable(*output), calls.size(), text::shell_quoted(*output)));
  return exit_passed;
}

Status check_profile(const std::string& file) {
  struct utsname system {};
  uname(&system);
  auto read = sys::read_file(file, size_t{4} << 20);
  if (!read.ok()) return std::move(read).error().in("reading the system call profile").as(Fault::usage);
  auto content = std::move(read).value();
  auto profile = TRY(sandbox::compile_profile(content, file, system.release));
  std::string out = fmt::format("{}: {} instructions", file, profile.program.size());
  if (!profile.unknown_calls.empty())
    out +=
        fmt::format("; unknown here, left to the default action: {}", text::join(profile.unknown_calls, " "));
  // Of a run, standard output has the report.
  return print(out + "\n");
}

Result<int> run_check(const Arguments& arguments) {
  std::vector<std::string> profiles, words;
  for (const std::string& word : arguments.positionals()) {
    const bool profile = words.empty() && (profiles.empty() || word.ends_with(".json"));
    (profile ? profiles : words).push_back(word);
  }
  const bool runs = !words.empty() || arguments.value("--manifest") || !arguments.values("--test").empty() ||
                    !arguments.values("--tag").empty();
  if (!runs) {
    for (const std::string& file : profiles) CHECK_OK(check_profile(file));
    return exit_passed;
  }
  if (profiles.size() > 1)
    return Error::usage("seccomp check: tests run under one profile")
        .hint("name one, and then what runs under it");
  plan::RunRequest request = TRY(request_of(arguments));
  add_manifest(arguments, request);
  request.locked = arguments.flag("--locked");
  request.words = std::move(words);
  request.seccomp = profiles[0];
  request.given.seccomp = true;
  return run_tests(arguments, request, run::Options().learn);
}

constexpr Option learn_options[] = {
    {.names = "-o,--output", .value = "FILE", .help = "where the profile goes"}};
constexpr auto all_learn_options = with_report_options(with_manifest_options(learn_options));
constexpr Option locked_option[] = {
    {.names = "--locked", .help = "every image must be in the manifest's lock file"}};
// The profile is named as a word.
constexpr auto check_options =
    without(with_report_options(with_manifest_options(locked_option)), {"--seccomp"});

const Registration show({.name = "seccomp show",
                         .rank = 700,
                         .summary = "the default system call filter as a table",
                         .examples = "testctr-script seccomp show\n",
                         .max_positionals = 0,
                         .run = run_show});
const Registration learn(
    {.name = "seccomp learn",
     .rank = 705,
     .summary = "run tests, and write the least profile that they need",
     .synopsis = "[IMAGE] [FILE...] -o PROFILE",
     .examples = "testctr-script seccomp learn builtin tests/ -o profile.json\n"
                 "testctr-script seccomp learn --tag net -o profile.json\n",
     .options = all_learn_options,
     .text =
         "Takes the words of `run`. Every system call that is made while the tests run is noted, those of "
         "the program "
         "that carries\n"
         "them out as well, and written as a profile of Docker and the OCI that allows them and no other. "
         "Only of "
         "tests that pass:\n"
         "others may have stopped before what they need. What the filter refuses meanwhile stays refused.\n",
     .run = run_learn});
const Registration check(
    {.name = "seccomp check",
     .rank = 710,
     .summary = "whether a profile of Docker or the OCI is understood, and enough for tests",
     .synopsis = "PROFILE... | PROFILE [IMAGE] FILE...",
     .examples = "testctr-script seccomp check profile.json\n"
                 "testctr-script seccomp check profile.json builtin tests/\n",
     .options = check_options,
     .min_positionals = 1,
     .text = "With tests, these run under the profile: what it refuses is told with the line and the "
             "program that asked for it.\n"
             "Further words are profiles as long as they end in .json.\n",
     .run = run_check});

}  // namespace
}  // namespace testctr::cmd
