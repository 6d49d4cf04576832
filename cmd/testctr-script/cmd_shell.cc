// `shell`: a shell in a fresh container, or where a script stands before a line.
#include <unistd.h>

#include <array>
#include <climits>

#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "debug_options.h"
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

Result<Wish> wish_at_line(plan::RunRequest request, const LineName& name) {
  request.words.back() = name.file;
  Wish wish;
  wish.plan = TRY(plan::plan_request(request));
  for (const plan::Job& job : wish.plan.jobs)
    if (job.error) return *job.error;
  wish.at = run::ShellAt::line;
  // Not a line of what runs before or after a document.
  const plan::Job& job = wish.plan.jobs.front();
  const std::string& file = job.format == plan::Format::script ? job.name : job.parts[job.main_part].name;
  wish.breaks = TRY(breaks_of(LineName{file, name.line}, wish.plan, "shell"));
  wish.where = fmt::format("{}, before line {}", name.file, name.line);
  return wish;
}

/// A test of one line, which is not carried out.
Result<Wish> wish_in_image(plan::RunRequest request, const std::string& scratch) {
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
  Wish wish;
  wish.plan = TRY(plan::make_plan(request));
  for (plan::Job& job : wish.plan.jobs) {
    if (job.error) return *job.error;
    job.name = image;
    if (!given && whole) job.tree.clear();
  }
  wish.where = fmt::format("a fresh container of {}", image);
  return wish;
}

Result<int> run_shell(const Arguments& arguments) {
  plan::RunRequest request = TRY(request_of(arguments));
  const bool two = request.words.size() == 2;
  const std::optional<LineName> line = TRY(as_line(request.words.back(), two));
  const Scratch scratch = TRY(Scratch::make());
  Wish wish =
      TRY(line ? wish_at_line(std::move(request), *line) : wish_in_image(std::move(request), scratch.path()));
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
                       line ? fmt::format("line {}", line->line) : "there was a shell",
                       to_string(ended.outcome), ended.text.empty() ? "" : ": ", ended.text));
  return exit_failed;
}

const Registration shell({.name = "shell",
                          .rank = 130,
                          .summary = "a shell in a fresh container, or where a script stands before a line",
                          .synopsis = "[IMAGE] FILE:LINE | IMAGE",
                          .examples = "testctr-script shell debian:12\n"
                                      "testctr-script shell builtin tests/a.txt:7\n"
                                      "echo 'ls -l $TREE' | testctr-script shell builtin\n",
                          .options = options,
                          .min_positionals = 1,
                          .max_positionals = 2,
                          .text = "IMAGE alone: the folder that you stand in is the test tree, $TREE, unless "
                                  "--tree names another. FILE:LINE: what "
                                  "stands above that line is carried\nout, and the shell is where the line "
                                  "would be, with its variables and "
                                  "directory; without IMAGE in the manifest's, as for `run`.\nThe image's "
                                  "bash or sh, else one of ours. Where "
                                  "standard input is no terminal, the shell reads it as it would a script. "
                                  "Exit 0, whatever\nthe shell's own status; 1 where "
                                  "the test ends before that line.\n",
                          .run = run_shell});

}  // namespace
}  // namespace testctr::cmd
