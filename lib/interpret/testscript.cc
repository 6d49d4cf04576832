// The dialect of go-internal's testscript at its newest.
#include <csignal>

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

/// Reads what `stdin` and `ttyin` name. @return why it cannot be
std::optional<Answer> read_input(Session& session, const std::string& name, OutputBuffer& content) {
  auto loaded = session.load_any(name);
  if (!loaded.ok()) return go_family::fatal_on("open", go_family::absolute(session, name), loaded.error());
  content = std::move(loaded).value();
  return std::nullopt;
}

Answer run_stdin(Session& session, const Arguments& arguments) {
  if (auto refused = go_family::unless_alone(session, "stdin")) return *std::move(refused);
  if (arguments.size() != 1) return fatal("usage: stdin filename");
  if (session.input.typed_is_stdin) return fatal("conflicting use of 'stdin' and 'ttyin -stdin'");
  OutputBuffer content(session.setting.work);
  if (auto wrong = read_input(session, arguments.front(), content)) return *std::move(wrong);
  const Status kept = set_next_input(session, content);
  return kept.ok() ? Answer::done() : fatal(kept.error().message());
}

Answer run_ttyin(Session& session, const Arguments& arguments) {
  if (auto refused = go_family::unless_alone(session, "ttyin")) return *std::move(refused);
  const bool is_stdin = arguments.size() == 2 && arguments.front() == "-stdin";
  if (arguments.size() != (is_stdin ? 2U : 1U)) return fatal("usage: ttyin [-stdin] filename");
  if (is_stdin && session.input.file.valid()) return fatal("conflicting use of 'stdin' and 'ttyin -stdin'");
  OutputBuffer content(session.setting.work);
  if (auto wrong = read_input(session, arguments.back(), content)) return *std::move(wrong);
  if (content.empty()) return fatal("tty input file is empty");
  const Status kept = set_next_typed(session, content, is_stdin || session.input.typed_is_stdin);
  return kept.ok() ? Answer::done() : fatal(kept.error().message());
}

/// The one that was started, and not what it has started itself. @return why not
std::optional<Answer> send(const Background& background, int signal, const std::string& shown) {
  const bool ended = background.job->status || ::kill(background.job->pid, signal) != 0;
  if (!ended) return std::nullopt;
  return fatal(
      fmt::format("unexpected error terminating background command {}: os: process already finished", shown));
}

Answer run_kill(Session& session, const Arguments& arguments) {
  if (arguments.size() > 2) return fatal("usage: kill [-SIGNAL] [name]");
  int signal = SIGKILL;
  std::string name;
  if (!arguments.empty() && arguments.front().starts_with('-')) {
    const std::string sent = arguments.front().substr(1);
    if (sent != "INT" && sent != "KILL") return fatal("unknown signal: " + text::printable(sent));
    signal = sent == "INT" ? SIGINT : SIGKILL;
    if (arguments.size() == 2) name = arguments[1];
  } else if (!arguments.empty()) {
    name = arguments.front();
  }
  if (auto refused = go_family::unless_alone(session, "kill")) return *std::move(refused);
  session.children->look();
  if (!name.empty()) {
    const auto at = find_background(session, name);
    if (at == session.background.end())
      return fatal(fmt::format("unknown background process {}", text::quoted(name)));
    auto wrong = send(*at, signal, text::quoted(name));
    return wrong ? *std::move(wrong) : Answer::done();
  }
  size_t number = 0;
  for (const Background& background : session.background) {
    // The tool names it by its number, as a character.
    if (auto wrong = send(background, signal, fmt::format("'\\x{:02x}'", number++))) return *std::move(wrong);
  }
  return Answer::done();
}

Answer run_unix2dos(Session& session, const Arguments& arguments) {
  constexpr size_t longest_line = 65'535;
  if (auto refused = go_family::unless_alone(session, "unix2dos")) return *std::move(refused);
  if (arguments.empty()) return fatal("usage: unix2dos paths...");
  for (const std::string& name : arguments) {
    auto content = session.load(name);
    if (!content.ok())
      return go_family::fatal_on("open", go_family::absolute(session, name), content.error());
    auto text = content.value().view();
    if (!text.ok()) return fatal(text.error().message());
    const auto lines = with_dos_lines(text.value(), longest_line);
    if (!lines) return fatal("bufio.Scanner: token too long");
    const Status written = write_script_file(session, name, 0666, *lines);
    if (!written.ok()) return fatal(written.error().message());
  }
  return Answer::done();
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
    {.name = "kill", .usage = "[-SIGNAL] [name]", .run = run_kill},
    {.name = "mkdir", .usage = "dir...", .run = go_family::run_mkdir},
    {.name = "mv", .usage = "old new", .run = go_family::run_mv},
    {.name = "rm", .usage = "file...", .run = go_family::run_rm},
    {.name = "skip", .usage = "[message]", .run = go_family::run_skip},
    {.name = "stderr", .usage = "[-count=N] pattern", .pattern = true, .run = go_family::run_stderr},
    {.name = "stdin", .usage = "filename", .run = run_stdin},
    {.name = "stdout", .usage = "[-count=N] pattern", .pattern = true, .run = go_family::run_stdout},
    {.name = "stop", .usage = "[message]", .run = go_family::run_stop},
    {.name = "symlink", .usage = "file -> target", .run = go_family::run_symlink},
    {.name = "ttyin", .usage = "[-stdin] filename", .run = run_ttyin},
    {.name = "ttyout", .usage = "[-count=N] pattern", .pattern = true, .run = go_family::run_ttyout},
    {.name = "unix2dos", .usage = "paths...", .run = run_unix2dos},
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
