// The dialect of go-internal's testscript at its newest.
#include <csignal>
#include <set>

#include "base/text.h"
#include "interpret/go_commands.h"
#include "interpret/go_family.h"
#include "script/member_edit.h"

namespace testctr::interpret {
namespace {

using go_family::fatal;

/// "go1.18" and its like, as two numbers.
std::optional<std::pair<unsigned, unsigned>> release_of(std::string_view text) {
  if (!text.starts_with("go")) return std::nullopt;
  text.remove_prefix(2);
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view parts[] = {text.substr(0, dot), text.substr(dot + 1)};
  unsigned numbers[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    if (parts[i].empty() || parts[i].front() == '0' ||
        parts[i].find_first_not_of("0123456789") != std::string_view::npos)
      return std::nullopt;
    // What does not fit is a release that nobody has.
    numbers[i] = go_number(parts[i], 10).value_or(UINT32_MAX);
  }
  return std::pair(numbers[0], numbers[1]);
}

/// Whether the Go of the place has what came with a release.
bool knows_release(const Session& session, std::pair<unsigned, unsigned> wanted) {
  const auto own = release_of("go" + go_release(go_root(session)));
  return own && own->first == wanted.first && wanted.second <= own->second;
}

Result<bool> holds(Session& session, std::string_view text) {
  if (const auto common = go_family::common_condition(session, text)) return *common;
  if (text == "unix") return true;
  if (const auto release = release_of(text)) return knows_release(session, *release);
  return Error::usage(fmt::format("unknown condition {}", text::quoted(text)));
}

/// `go` is a command where the place has one.
bool has_command(const Session& session, std::string_view name) {
  if (name == "go") return go_program(session).ok();
  return find_command(*session.rules, name) != nullptr;
}

/// The commands that are one slip away from a word, at most as many as are worth naming.
std::vector<std::string> commands_near(const Session& session, std::string_view word) {
  constexpr size_t worth_naming = 4;
  if (word.starts_with('!') && has_command(session, word.substr(1)))
    return {"! " + std::string(word.substr(1))};
  std::set<std::string> near;
  for (const CommandInfo& info : session.rules->commands)
    if (has_command(session, info.name) && text::edit_distance(word, info.name) <= 1) near.emplace(info.name);
  for (const std::string& name : session.setting.programs)
    if (text::edit_distance(word, name) <= 1) near.insert(name);
  if (near.size() > worth_naming) return {};
  return {near.begin(), near.end()};
}

std::string unknown(const Session& session, const script::Command& command) {
  std::string said = fmt::format("unknown command {}", text::quoted(command.name));
  const std::vector<std::string> near = commands_near(session, command.name);
  if (near.empty()) return said;
  if (near.size() == 1) return said + fmt::format(" (did you mean {}?)", text::quoted(near.front()));
  std::string list;
  for (const std::string& name : near) list += (list.empty() ? "" : " ") + text::quoted(name);
  return said + fmt::format(" (did you mean one of [{}]?)", list);
}

/// The Go toolchain's command, by the script's own $PATH.
Answer run_go(Session& session, const Arguments& arguments) {
  if (!has_command(session, "go")) return fatal(unknown(session, *session.command));
  if (arguments.empty()) return fatal("usage: go subcommand ...");
  Answer answer = go_family::run_named(session, "go", arguments);
  for (const std::string_view end : {"success", "failure"}) {
    if (answer.failure.reason == fmt::format("unexpected command {}", end))
      answer.failure.reason = fmt::format("unexpected go command {}", end);
  }
  return answer;
}

/// Takes one `>` off the lines of files. A file that is no quoted one is not touched.
Answer run_unquote(Session& session, const Arguments& arguments) {
  if (auto refused = go_family::unless_alone(session, "unquote")) return *std::move(refused);
  for (const std::string& name : arguments) {
    auto content = go_family::read_whole(session, name);
    if (!content.ok()) return fatal(content.error().message(), content.error().hint());
    auto bytes = content.value().view();
    if (!bytes.ok()) return fatal(bytes.error().message());
    auto plain = script::unquoted_member(bytes.value());
    if (!plain.ok()) return fatal("data does not appear to be quoted", plain.error().hint());
    if (Status written = write_script_file(session, name, 0666, plain.value()); !written.ok())
      return fatal(written.error().message());
  }
  return Answer::done();
}

constexpr const char* prepared[] = {"GOTRACEBACK", "HOME",    "devnull",        "/",       ":",
                                    "$",           "exe",     "GOPATH",         "GOARCH",  "GOOS",
                                    "GOROOT",      "GOCACHE", "CCACHE_DISABLE", "GOPROXY", "goversion"};

/// Sets variables that the place has not been given.
Status set_unless_given(Session& session, std::span<const std::pair<const char*, std::string>> variables) {
  for (const auto& [name, value] : variables)
    if (!session.setting.environment.contains(name)) CHECK_OK(session.variables.set(name, value));
  return {};
}

/// What `go env GOCACHE` says in a place with that environment.
std::string build_cache(const Session& session) {
  const auto& base = session.setting.environment;
  if (const auto caches = base.find("XDG_CACHE_HOME"); caches != base.end() && !caches->second.empty())
    return caches->second + "/go-build";
  const auto home = base.find("HOME");
  if (home == base.end() || home->second.empty()) return session.setting.work + "/.tmp/go-build";
  return home->second + "/.cache/go-build";
}

Status prepare(Session& session) {
  const std::string& work = session.setting.work;
  // HOME is in every place's base; whether somebody asked for it cannot be seen there.
  CHECK_OK(session.variables.set("HOME", "/no-home"));
  const std::pair<const char*, std::string> variables[] = {
      {"GOTRACEBACK", "system"}, {"devnull", "/dev/null"}, {"/", "/"}, {":", ":"}, {"$", "$"}, {"exe", ""},
  };
  CHECK_OK(set_unless_given(session, variables));
  if (has_command(session, "go")) {
    const std::string root = go_root(session);
    const std::pair<const char*, std::string> toolchain[] = {
        {"GOPATH", work + "/.gopath"},
        {"CCACHE_DISABLE", "1"},
        {"GOARCH", std::string(own_architecture())},
        {"GOOS", "linux"},
        {"GOROOT", root},
        {"GOCACHE", build_cache(session)},
        {"GOPROXY", "https://proxy.golang.org,direct"},
        {"goversion", go_release(root)},
    };
    CHECK_OK(set_unless_given(session, toolchain));
  }
  return make_script_directories(session, work + "/.tmp");
}

/// Reads what `stdin` and `ttyin` name. @return why it cannot be
std::optional<Answer> read_input(Session& session, const std::string& name, OutputBuffer& content) {
  auto loaded = session.is_output(name) ? session.load_any(name) : go_family::read_whole(session, name);
  if (!loaded.ok()) return fatal(loaded.error().message(), loaded.error().hint());
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
    auto content = go_family::read_whole(session, name);
    if (!content.ok()) return fatal(content.error().message(), content.error().hint());
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
    {.name = "go", .usage = "subcommand ...", .run = run_go},
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
    {.name = "unquote", .usage = "filenames...", .run = run_unquote},
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
    them.whole_names = true;
    them.bare_names = true;
    them.free_names = true;
    them.resolve = go_family::resolve;
    them.holds = holds;
    them.unknown = unknown;
    them.program = go_family::run_named;
    them.prepared = prepared;
    them.prepare = prepare;
    them.end_background = go_family::end_background;
    return them;
  }();
  return rules;
}

}  // namespace testctr::interpret
