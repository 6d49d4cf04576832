// `update`: writes into documents what their cases print.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "revise.h"
#include "run_request.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "-i,--interactive", .help = "ask for every change (answers are read from standard input)"},
    {.names = "-n,--dry-run",
     .help = "show what would change, and change nothing; exit code 1 if something would"},
    {.names = "--ci", .help = "also where the environment says `CI`, where nobody would see the change"}};
constexpr auto options = with_place_options(own_options);

constexpr std::string_view examples =
    "testctr-script update builtin README.md\n"
    "testctr-script update -i debian:12 tests/\n";

constexpr std::string_view text =
    "Runs the documents, and where a case does not print what it is to print, or ends with another exit "
    "code, "
    "writes that into its file.\nExpectations that still hold stay as they are, and everything else does: "
    "prose, "
    "commands, configuration. A document that holds is not touched.\n";

/// The change as people read it: lines that go and lines that come.
std::string shown(const plan::Job& job, const Change& change) {
  std::string out =
      fmt::format("{}:{}: {}\n", text::printable(job.name), change.line, text::printable(change.title));
  for (const script::Edit& edit : change.edits) {
    const std::string_view before = std::string_view(job.source).substr(edit.span.begin, edit.span.size());
    for (const auto& [mark, side] : {std::pair{'-', before}, std::pair{'+', std::string_view(edit.text)}}) {
      for (std::string_view line : text::lines(side)) {
        if (line.ends_with('\n')) line.remove_suffix(1);
        out += fmt::format("{}{}\n", mark, text::printable(line, /*keep_layout=*/true));
      }
    }
  }
  return out;
}

enum class Answer : uint8_t { yes, no, all, quit };

Answer ask() {
  std::cerr << "write this? [y]es, [N]o, [a]ll, [q]uit: " << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return Answer::quit;
  if (line == "y" || line == "yes") return Answer::yes;
  if (line == "a" || line == "all") return Answer::all;
  if (line == "q" || line == "quit") return Answer::quit;
  return Answer::no;
}

/// The changes that the user wants. @param decided what holds for all that follow, once it was said
Result<std::vector<Change>> chosen(const plan::Job& job, const std::vector<Change>& changes,
                                   std::optional<Answer>& decided) {
  std::vector<Change> wanted;
  for (const Change& change : changes) {
    Answer answer = decided.value_or(Answer::no);
    if (!decided) {
      CHECK_OK(print(shown(job, change)));
      answer = ask();
      if (answer == Answer::all || answer == Answer::quit) decided = answer;
    }
    if (answer == Answer::yes || answer == Answer::all) wanted.push_back(change);
  }
  return wanted;
}

Status write_document(const plan::Job& job, const std::vector<Change>& changes) {
  std::vector<script::Edit> edits;
  for (const Change& change : changes) edits.insert(edits.end(), change.edits.begin(), change.edits.end());
  const std::string updated = TRY(script::with_edits(job.source, std::move(edits)));
  if (TRY(sys::read_file(job.file)) != job.source)
    return Error::infrastructure(fmt::format("{} was changed while it ran, and is left as it is", job.file))
        .hint("run `update` again");
  sys::OutputFile file = TRY(sys::OutputFile::create(job.file));
  CHECK_OK(sys::write_full(TRY(file.begin()), updated));
  return file.finish();
}

std::string lines_of(const std::vector<Change>& changes) {
  std::string list;
  for (const Change& change : changes) list += fmt::format("{}{}", list.empty() ? "" : ", ", change.line);
  return list;
}

struct Mode {
  bool interactive = false, dry_run = false;
  std::optional<Answer> decided;
};

/// @return whether the document holds now
Result<bool> revise(const plan::Job& job, const Revision& revision, Mode& mode) {
  const std::string name = text::printable(job.name);
  bool holds = revision.problems.empty();
  for (const std::string& problem : revision.problems) complain(fmt::format("not updated: {}", problem));
  if (revision.changes.empty()) {
    if (holds) CHECK_OK(print(fmt::format("unchanged {}\n", name)));
    return holds;
  }
  if (mode.dry_run) {
    for (const Change& change : revision.changes) CHECK_OK(print(shown(job, change)));
    return false;
  }
  std::vector<Change> changes = revision.changes;
  if (mode.interactive) changes = TRY(chosen(job, changes, mode.decided));
  holds = holds && changes.size() == revision.changes.size();
  if (changes.empty()) return false;
  CHECK_OK(write_document(job, changes));
  CHECK_OK(print(fmt::format("updated   {} ({} {}: line{} {})\n", name, changes.size(),
                             changes.size() == 1 ? "case" : "cases", changes.size() == 1 ? "" : "s",
                             lines_of(changes))));
  return holds;
}

Status check(const Arguments& arguments, const plan::Plan& plan) {
  if (is_ci() && !arguments.flag("--ci") && !arguments.flag("--dry-run")) {
    return Error::usage("update: the environment says `CI`, where nobody would see what changes")
        .hint("`--ci` does it nevertheless, `--dry-run` shows it");
  }
  if (arguments.flag("--interactive") && arguments.flag("--dry-run"))
    return Error::usage("--interactive and --dry-run exclude each other");
  for (const plan::Job& job : plan.jobs) {
    if (job.format == plan::Format::script)
      return Error::usage(
          fmt::format("{}: scripts cannot be updated yet, only documents", text::printable(job.name)));
  }
  return {};
}

Result<int> run_update(const Arguments& arguments) {
  const plan::Plan plan = TRY(plan::make_plan(TRY(request_of(arguments))));
  for (const std::string& note : plan.notes) complain(note);
  CHECK_OK(check(arguments, plan));
  if (plan.jobs.empty()) {
    complain("nothing was selected to run");
    return 4;
  }
  const Revisions revisions = TRY(run_and_revise(plan, arguments));
  // What was stopped in the middle says nothing about what its cases print.
  if (revisions.code >= 124) return revisions.code;
  Mode mode{arguments.flag("--interactive"), arguments.flag("--dry-run"), {}};
  bool all_hold = true;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    Result<bool> holds = revise(plan.jobs[i], revisions.documents[i], mode);
    if (!holds.ok()) {
      complain(holds.error());
      all_hold = false;
    } else {
      all_hold = all_hold && holds.value();
    }
  }
  return revisions.code == exit_passed && !all_hold ? exit_failed : revisions.code;
}

const Registration update({.name = "update",
                           .rank = 110,
                           .summary = "write into documents what their cases print",
                           .synopsis = "IMAGE FILE...",
                           .examples = examples,
                           .options = options,
                           .min_positionals = 1,
                           .text = text,
                           .run = run_update});

}  // namespace
}  // namespace testctr::cmd
