#include "plan/changed.h"

#include <sys/wait.h>

#include "base/program_output.h"
#include "base/text.h"

namespace testctr::plan {
namespace {

constexpr size_t most_output = size_t{64} << 20;
constexpr int64_t patience_ns = 60'000'000'000;

struct Said {
  bool good = false;
  std::string text;
};

Result<Said> ask_git(std::vector<std::string> words) {
  const std::string git = sys::find_program("git");
  if (git.empty())
    return Error::infrastructure("--changed: git is not in a folder of PATH")
        .hint("install it, or select tests by `--filter`");
  words.insert(words.begin(), "git");
  const sys::ProgramOutput said = TRY(sys::run_program(git, std::move(words), "", most_output, patience_ns));
  if (said.late || said.too_much)
    return Error::infrastructure(fmt::format(
        "--changed: git {}", said.late ? "does not come to an end" : "names more files than can be"));
  return Said{WIFEXITED(said.status) && WEXITSTATUS(said.status) == 0, said.output};
}

}  // namespace

Result<std::set<std::string>> changed_files(const std::string& since) {
  const Said top = TRY(ask_git({"rev-parse", "--show-toplevel"}));
  if (!top.good || !top.text.ends_with('\n'))
    return Error::usage("--changed: the current folder is in no work tree of git")
        .hint("select tests by `--filter` or `--failed`");
  const std::string root = top.text.substr(0, top.text.size() - 1);
  const Said commit =
      TRY(ask_git({"rev-parse", "--verify", "--quiet", "--end-of-options", since + "^{commit}"}));
  if (!commit.good && since == "HEAD")
    return Error::usage("--changed: git has no commit here yet, and all is changed").hint("run without it");
  if (!commit.good)
    return Error::usage(fmt::format("--changed-since: git knows no commit {}", text::quoted(since)))
        .hint("a branch, a tag or a commit, such as origin/main");
  const std::string id(text::trim(commit.text));
  std::set<std::string> files;
  for (const std::vector<std::string>& question :
       {std::vector<std::string>{"-C", root, "diff", "--name-only", "--no-renames", "-z", id, "--"},
        {"-C", root, "ls-files", "--others", "--exclude-standard", "-z"}}) {
    const Said said = TRY(ask_git(question));
    if (!said.good) return Error::infrastructure(fmt::format("--changed: `git {}` failed", question[2]));
    for (const std::string& name : text::split(said.text, '\0')) {
      if (!name.empty()) files.insert(root + "/" + name);
    }
  }
  return files;
}

}  // namespace testctr::plan
