// `shell`: a shell in a fresh container, where a script stands before a line, or where the last run failed.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "debug_options.h"
#include "last_run.h"
#include "plan/plan_request.h"
#include "run/run.h"
#include "run_request.h"
#include "run_setup.h"
#include "scratch.h"
#include "shell_side.h"

namespace testctr::cmd {
namespace {

// There is one place, and nothing behind the line, where a test would end.
constexpr auto options = without(place_options, {"-j,--jobs", "--append", "--artifacts"});

/// Where the shell is to be.
struct Wish {
  plan::Plan plan;
  run::ShellAt at = run::ShellAt::begin;
  std::vector<interpret::Break> breaks;
  std::string where;
  uint32_t line = 0;  ///< 0: none was named
};

/// Whether a word is FILE:LINE, and not the name of an image with its tag. Errors (usage): there is no such
/// file, and nothing else that it could be.
Result<std::optional<LineName>> as_line(const std::string& word, bool must_be) {
  std::optional<LineName> name = line_name(word);
  if (!name || name->file.empty()) {
    if (!must_be) return std::optional<LineName>();
    return Error::usage(fmt::format("{} is no FILE:LINE", text::quoted(word)))
        .hint("for example t.txt:7, which stops before line 7");
  }
  const auto found = sys::stat_at(AT_FDCWD, name->file, 0);
  if (found.ok() && found.value() && S_ISREG(found.value()->st_mode)) return name;
  if (!must_be && !plan::format_of(name->file)) return std::optional<LineName>();
  return Error::usage(fmt::format("there is no file {}", text::quoted(name->file)));
}

Status wish_at_line(const plan::RunRequest& request, const LineName& name, Wish& wish) {
  wish.line = name.line;
  wish.plan = TRY(plan::plan_request(request));
  for (const plan::Job& job : wish.plan.jobs)
    if (job.error) return *job.error;
  wish.at = run::ShellAt::line;
  wish.breaks = TRY(breaks_of(name, wish.plan, "shell"));
  wish.where = fmt::format("{}, before line {}", name.file, name.line);
  return {};
}

/// Where the last run failed.
struct LastFailure {
  plan::TestKey test;
  run::KeptFailure kept;
  uint32_t line = 0;  ///< 0: nothing failed at a line
};

/// What is done is told first, then which other failures there are.
Result<LastFailure> last_failure() {
  constexpr size_t most_told = 10;
  const run::History history = TRY(history_of_last(std::nullopt));
  std::vector<plan::TestKey> failed;
  for (const plan::TestKey& test : history.failed()) failed.push_back(test);
  std::stable_sort(failed.begin(), failed.end(), [&](const plan::TestKey& a, const plan::TestKey& b) {
    return history.tests().at(a).run > history.tests().at(b).run;
  });
  const run::KeptFailures failures(history.path());
  LastFailure first;
  size_t others = 0;
  for (const plan::TestKey& test : failed) {
    auto kept = failures.failure(test);
    const uint32_t line = kept && !kept->file.empty() ? line_of(*kept) : 0;
    if (line == 0) continue;
    if (kept->manifest.empty() && !TRY(sys::stat_at(AT_FDCWD, kept->file, 0))) {
      complain(fmt::format("{} failed and is not there any more", text::printable(kept->file)));
      continue;
    }
    if (first.line == 0) {
      complain(fmt::format("a shell before line {} of {}{}{}, where the last run failed", line,
                           text::printable(kept->file), test.second.empty() ? "" : " in ",
                           text::printable(test.second)));
      first = {test, *std::move(kept), line};
    } else if (++others <= most_told) {
      complain(fmt::format("failed as well: `testctr-script shell {}`",
                           text::printable(shell_words(*kept, test, line))));
    }
  }
  if (others > most_told) complain(fmt::format("and {} more: `testctr-script explain`", others - most_told));
  if (first.line != 0) return first;
  const char* why =
      "of no test that failed the last time a line is known; `testctr-script explain` tells what is";
  if (failed.empty()) why = "no test failed the last time";
  if (history.tests().empty()) why = "nothing is known of an earlier run here";
  return Error::usage(fmt::format("where is the shell to be? {}", why))
      .hint("name it: `testctr-script shell [IMAGE] FILE:LINE`, or an image alone");
}

/// What the last run was given by options is not known, but whether it is the same.
void tell_differences(const run::KeptFailure& kept, const plan::Job& job) {
  report::Circumstances then, now = run::circumstances_of(job);
  // The rest - images, the engine - only a run gets to know.
  for (const auto& [key, value] : kept.was) {
    if (now.contains(key) || key.starts_with("env.") || key.starts_with("bin.") || key.starts_with("limit."))
      then.emplace(key, value);
  }
  if (then["script"] != now["script"])
    complain(fmt::format("{} has changed since: the line may be another one", text::printable(job.name)));
  then.erase("script");
  now.erase("script");
  const std::vector<std::string> all = report::differences(then, now);
  for (const std::string& one : all) complain(fmt::format("not as in that run: {}", one));
  if (!all.empty()) complain("options of that run are to be given again");
}

Status wish_at_failure(plan::RunRequest& request, Wish& wish) {
  const LastFailure first = TRY(last_failure());
  const run::KeptFailure& kept = first.kept;
  const std::string name = name_of(kept, first.test);
  if (kept.manifest.empty()) {
    if (const std::string image = image_of(kept, first.test); !image.empty()) request.words.push_back(image);
    request.words.push_back(kept.file);
  } else {
    if (!is_usual_manifest(kept.manifest)) request.manifest = kept.manifest;
    request.names.push_back(name);
  }
  CHECK_OK(wish_at_line(request, {kept.file, first.line}, wish));
  const auto job = std::find_if(wish.plan.jobs.begin(), wish.plan.jobs.end(),
                                [&](const plan::Job& one) { return plan::key_of(one) == first.test; });
  if (job == wish.plan.jobs.end())
    return Error::usage(fmt::format("{} is no test here any more", text::quoted(name)))
        .hint("run the tests again");
  tell_differences(kept, *job);
  return {};
}

/// A test of one line, which is not carried out.
Status wish_in_image(plan::RunRequest& request, const std::string& scratch, Wish& wish) {
  const std::string image = request.words.front();
  if (!request.documents.shell.empty())
    return Error::usage("shell: --shell is the shell of a document's cases, and an image alone has none");
  const std::string file = scratch + "/shell.txt";
  CHECK_OK(sys::write_file_at(AT_FDCWD, file, "stop\n"));
  request.words.push_back(file);
  request.format.reset();
  // What the user stands in, as it would be for a script of his.
  std::array<char, PATH_MAX> buffer{};
  if (::getcwd(buffer.data(), buffer.size()) == nullptr) return Error::system("getcwd", ".");
  const std::string here = buffer.data();
  const char* home = ::getenv("HOME");
  const bool whole = here == "/" || (home != nullptr && here == home);
  const bool given = request.tree || request.layer;
  if (!given && !whole) request.tree = ".";
  wish.plan = TRY(plan::make_plan(request));
  for (plan::Job& job : wish.plan.jobs) {
    if (job.error) return *job.error;
    job.name = image;
    if (!given && whole) job.tree.clear();
  }
  wish.where = fmt::format("a fresh container of {}", image);
  return {};
}

Status make_wish(const Arguments& arguments, const Scratch& scratch, Wish& wish) {
  plan::RunRequest request = TRY(request_of(arguments));
  if (request.words.empty()) return wish_at_failure(request, wish);
  const std::optional<LineName> line = TRY(as_line(request.words.back(), request.words.size() == 2));
  if (!line) return wish_in_image(request, scratch.path(), wish);
  request.words.back() = line->file;
  return wish_at_line(request, *line, wish);
}

Result<int> run_shell(const Arguments& arguments) {
  const Scratch scratch = TRY(Scratch::make());
  Wish wish;
  CHECK_OK(make_wish(arguments, scratch, wish));
  for (const std::string& note : wish.plan.notes) complain(note);
  RunSetup setup = TRY(set_up_run(arguments, wish.plan));
  run::Options& how = setup.how;
  how.note = [](const std::string& note) { complain(note); };
  Ending ending;
  ShellSide side(ending, wish.plan, wish.at);
  side.terminal().set_breaks(std::move(wish.breaks));
  side.terminal().set_header(fmt::format("a shell in {}; `exit` ends it", wish.where));
  how.terminal = &side.terminal();
  const run::Summary summary = TRY(run::run_plan(wish.plan, side, how));
  if (summary.interrupted) return 128 + setup.signals.received();
  const Event& ended = ending.ended();
  if (side.terminal().was_open() && ended.outcome == Outcome::not_run) return exit_passed;
  if (ended.outcome == Outcome::error) {
    return ended.detail == to_string(Fault::usage) ? Error::usage(ended.text)
                                                   : Error::infrastructure(ended.text);
  }
  complain(fmt::format("the test ended before {}: {}{}{}",
                       wish.line > 0 ? fmt::format("line {}", wish.line) : "there was a shell",
                       to_string(ended.outcome), ended.text.empty() ? "" : ": ", ended.text));
  return exit_failed;
}

const Registration shell(
    {.name = "shell",
     .rank = 130,
     .summary = "a shell in a fresh container, or where a script stands before a line",
     .synopsis = "[[IMAGE] FILE:LINE | IMAGE]",
     .examples = "testctr-script shell debian:12\n"
                 "testctr-script shell builtin tests/a.txt:7\n"
                 "echo 'ls -l $TREE' | testctr-script shell builtin\n"
                 "testctr-script shell\n",
     .options = options,
     .max_positionals = 2,
     .text = "IMAGE alone: the folder that you stand in is the test tree, $TREE, unless "
             "--tree names another. FILE:LINE: what "
             "stands above that line is carried\nout, and the shell is where the line "
             "would be, with its variables and "
             "directory; without IMAGE in the manifest's, as for `run`.\nWithout words: where "
             "the last run of the tests here failed, in the image that it had; of several "
             "failures the first, and the\nothers are named.\nThe image's "
             "bash or sh, else one of ours. Where "
             "standard input is no terminal, the shell reads it as it would a script. "
             "Exit 0, whatever\nthe shell's own status; 1 where "
             "the test ends before that line.\n",
     .run = run_shell});

}  // namespace
}  // namespace testctr::cmd
