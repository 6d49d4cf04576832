// `bundle shell`: a shell in what a bundle's test begins with.
#include "bundles.h"
#include "commands.h"
#include "image_access.h"
#include "open_store.h"
#include "report/collector.h"
#include "run/run.h"
#include "run_request.h"
#include "shell_side.h"
#include "stop_signals.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {allow_host_option, secret_option,   engine_option, offline_option,
                              pull_option,       authfile_option, store_option};

Result<int> run_shell(const Arguments& arguments) {
  const StopSignals signals = TRY(StopSignals::install());
  RunnableBundle bundle = TRY(runnable_bundle(arguments, {.pull = true}, signals));
  plan::Plan plan = plan_of(bundle.ready.plan, 0);
  plan.jobs.front().skip.reset();
  Ending ending;
  ShellSide side(ending, plan, run::ShellAt::begin);
  bundle.how.terminal = &side.terminal();
  const run::Summary summary = TRY(run::run_plan(plan, side, bundle.how));
  if (summary.interrupted) return 128 + signals.received();
  const Event& ended = ending.ended();
  if (ended.outcome == Outcome::not_run && side.terminal().was_open()) return exit_passed;
  const std::string why = ended.text.empty() ? "the test ended before there was a shell" : ended.text;
  return ended.detail == to_string(Fault::usage) ? Error::usage(why) : Error::infrastructure(why);
}

const Registration shell(
    {.name = "bundle shell",
     .rank = 343,
     .summary = "a shell in the container of a bundle's test, before its first line",
     .synopsis = "[FILE|REF]",
     .examples =
         "testctr-script bundle shell bug.tar\n./bug.run shell\necho 'ls -l $TREE' | ./bug.run shell\n",
     .options = options,
     .max_positionals = 1,
     .text =
         "The bundle's first test: its image, test tree, programs, services and environment, the files of "
         "its script in $WORK.\n"
         "The image's bash or sh, else one of ours. Where standard input is no terminal, the shell "
         "reads it as it would a script. Exit 0, whatever\nthe shell's own status.\n",
     .run = run_shell});

}  // namespace
}  // namespace testctr::cmd
