// The dialect of go-internal's testscript at its newest.
#include "base/text.h"
#include "interpret/go_family.h"

namespace testctr::interpret {
namespace {

using go_family::fatal;

/// "go1.18" and its like: whether the place's Go knows that release.
bool is_go_version(std::string_view text) {
  if (!text.starts_with("go1.") || text.size() < 5) return false;
  return text.find_first_not_of("0123456789", 4) == std::string_view::npos && text[4] != '0';
}

Result<bool> holds(Session& session, std::string_view text) {
  if (const auto common = go_family::common_condition(session, text)) return *common;
  if (text == "unix") return true;
  if (is_go_version(text)) return false;
  return Error::usage(fmt::format("unknown condition {}", text::quoted(text)));
}

std::string unknown(const Session& session, const script::Command& command) {
  std::string said = fmt::format("unknown command {}", text::quoted(command.name));
  std::string_view rest = command.name;
  if (rest.starts_with('!') && find_command(*session.rules, rest.substr(1)) != nullptr)
    return said + fmt::format(" (did you mean {}?)", text::quoted("! " + std::string(rest.substr(1))));
  return said;
}

constexpr const char* prepared[] = {"GOTRACEBACK", "HOME", "devnull", "/", ":", "$", "exe"};

Status prepare(Session& session) {
  const std::string& work = session.setting.work;
  const std::pair<const char*, std::string> variables[] = {
      {"GOTRACEBACK", "system"},
      {"HOME", "/no-home"},
      {"devnull", "/dev/null"},
      {"/", "/"},
      {":", ":"},
      {"$", "$"},
      {"exe", ""},
  };
  for (const auto& [name, value] : variables) {
    if (std::string_view(name) == "HOME" || !session.setting.environment.contains(name))
      CHECK_OK(session.variables.set(name, value));
  }
  return make_script_directories(session, work + "/.tmp");
}

// Sorted by name.
constexpr CommandInfo table[] = {
    {.name = "cd", .usage = "dir", .run = go_family::run_cd},
    {.name = "chmod", .usage = "perm paths...", .run = go_family::run_chmod},
    {.name = "cmp", .usage = "file1 file2", .run = go_family::run_cmp},
    {.name = "cmpenv", .usage = "file1 file2", .run = go_family::run_cmpenv},
    {.name = "cp", .usage = "src... dst", .run = go_family::run_cp},
    {.name = "env", .usage = "[key=value...]", .run = go_family::run_env},
    {.name = "exec", .usage = "program [args...] [&name&]", .background = true, .run = go_family::run_exec},
    {.name = "exists", .usage = "[-readonly] file...", .run = go_family::run_exists},
    {.name = "grep", .usage = "[-count=N] pattern file", .pattern = true, .run = go_family::run_grep},
    {.name = "mkdir", .usage = "dir...", .run = go_family::run_mkdir},
    {.name = "mv", .usage = "old new", .run = go_family::run_mv},
    {.name = "rm", .usage = "file...", .run = go_family::run_rm},
    {.name = "skip", .usage = "[message]", .run = go_family::run_skip},
    {.name = "stderr", .usage = "[-count=N] pattern", .pattern = true, .run = go_family::run_stderr},
    {.name = "stdout", .usage = "[-count=N] pattern", .pattern = true, .run = go_family::run_stdout},
    {.name = "stop", .usage = "[message]", .run = go_family::run_stop},
    {.name = "symlink", .usage = "file -> target", .run = go_family::run_symlink},
    {.name = "wait", .usage = "[name]", .run = go_family::run_wait},
};

}  // namespace

const Rules& testscript_rules() {
  static const Rules rules = [] {
    Rules them;
    them.language = script::Language::testscript;
    them.commands = table;
    them.negation = Negation::by_command;
    them.expansion = {.quoted = true, .demanded = false};
    them.hidden_pwd = true;
    them.free_names = true;
    them.resolve = go_family::resolve;
    them.holds = holds;
    them.unknown = unknown;
    them.prepared = prepared;
    them.prepare = prepare;
    them.end_background = go_family::end_background;
    return them;
  }();
  return rules;
}

}  // namespace testctr::interpret
