// `update`: writes into documents what their cases print, and into scripts what is compared with their files.
#include "commands.h"
#include "revise.h"
#include "run_request.h"
#include "stop_signals.h"
#include "write_revision.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "-i,--interactive", .help = "ask for every change (answers are read from standard input)"},
    {.names = "-n,--dry-run",
     .help = "show what would change, and change nothing; exit code 1 if something would"},
    {.names = "--ci", .help = "also where the environment says `CI`, where nobody would see the change"}};
// What is in a layer cannot be updated.
constexpr auto options = without(with_place_options(own_options), {"--layer"});

constexpr std::string_view examples =
    "testctr-script update builtin README.md\n"
    "testctr-script update -i debian:12 tests/\n";

constexpr std::string_view text =
    "Runs documents and scripts. Where a case of a document does not print what it is to print, or ends with "
    "another exit code, that is written\ninto its file. Expectations that still hold stay as they are, and "
    "everything else does: prose, commands, configuration. What holds is not touched.\n\n"
    "Scripts, here and with `run --update`: a file that stands in the script (-- want.txt --) and that a "
    "`cmp` "
    "without `!` finds to differ gets the\ncontent of the other side - stdout, stderr, a file that was made "
    "or "
    "changed -, and the script goes on as if it had held. Nothing else in it\nchanges, to the byte. What was "
    "found until a later failure is written, too. Lines that look like markers are stored with `>` in front, "
    "and "
    "a line\n`unquote FILE` is added.\n\n"
    "Not written but listed, with what there was: patterns (stdout, stderr, grep); `cmpenv` where a `$` is "
    "in "
    "either text; a text without a line\nend at its end; a file that the script changes before it compares; "
    "contents that two lines want otherwise; more than 4 MiB; values of secrets;\nlines that stand in a "
    "manifest. Then the exit code is 1. Where the environment says `CI`, it is 2 without --ci.\n";

/// What is asked for makes sense.
Status check(const Arguments& arguments) {
  CHECK_OK(may_update("update", arguments.flag("--ci") || arguments.flag("--dry-run"),
                      "`--ci` does it nevertheless, `--dry-run` shows it"));
  if (arguments.flag("--interactive") && arguments.flag("--dry-run"))
    return Error::usage("--interactive and --dry-run exclude each other");
  return {};
}

Result<int> run_update(const Arguments& arguments) {
  const plan::Plan plan = TRY(plan::make_plan(TRY(request_of(arguments))));
  for (const std::string& note : plan.notes) complain(note);
  CHECK_OK(check(arguments));
  if (plan.jobs.empty()) {
    complain("nothing was selected to run");
    return 4;
  }
  const Revisions revisions = TRY(run_and_revise(plan, arguments));
  // What was stopped in the middle says nothing about what its cases print.
  if (revisions.code >= 124) {
    if (revisions.code == 124) complain("the run's time limit was reached, and nothing is written");
    return revisions.code;
  }
  Writing writing{.interactive = arguments.flag("--interactive"),
                  .dry_run = arguments.flag("--dry-run"),
                  .say = [](const std::string& said) { return print(said); },
                  .stop_fd = -1,
                  .decided = {}};
  std::optional<StopSignals> signals;
  if (writing.interactive) {
    signals.emplace(TRY(StopSignals::install()));
    writing.stop_fd = signals->descriptor();
  }
  bool all_hold = true;
  for (const RevisedFile& file : revisions.files(plan)) {
    Result<bool> holds = write_revision(file, writing);
    if (!holds.ok()) complain(holds.error());
    all_hold = all_hold && holds.ok() && holds.value();
  }
  // What was answered before has been written.
  if (signals && signals->received() != 0) return 128 + signals->received();
  return revisions.code == exit_passed && !all_hold ? exit_failed : revisions.code;
}

const Registration update({.name = "update",
                           .rank = 110,
                           .summary = "write into documents and scripts what their tests print",
                           .synopsis = "IMAGE FILE...",
                           .examples = examples,
                           .options = options,
                           .min_positionals = 1,
                           .text = text,
                           .run = run_update});

}  // namespace
}  // namespace testctr::cmd
