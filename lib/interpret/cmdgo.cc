// The dialect of cmd/go's script tests up to Go 1.19, with the `go` of the place in place of a test binary.
#include <unistd.h>

#include "base/text.h"
#include "interpret/go_commands.h"
#include "interpret/go_family.h"

namespace testctr::interpret {
namespace {

using go_family::fatal;

constexpr const char* prepared[] = {
    "HOME",         "CCACHE_DISABLE", "GOARCH",        "GOCACHE",  "GODEBUG",   "GOEXE",
    "GOEXPERIMENT", "GOOS",           "GOPATH",        "GOPROXY",  "GOPRIVATE", "GOROOT",
    "GOROOT_FINAL", "GOTRACEBACK",    "TESTGO_GOROOT", "GOSUMDB",  "GONOPROXY", "GONOSUMDB",
    "GOVCS",        "TMPDIR",         "devnull",       "goversion"};

/// What a script begins with. A value that the user gave stands.
Status prepare(Session& session) {
  const std::string& work = session.setting.work;
  CHECK_OK(make_script_directories(session, work + "/tmp"));
  session.directory = work + "/gopath/src";
  CHECK_OK(make_script_directories(session, session.directory));
  const std::string root = go_root(session);
  const std::pair<const char*, std::string> variables[] = {
      {"HOME", "/no-home"},
      {"CCACHE_DISABLE", "1"},
      {"GOARCH", std::string(own_architecture())},
      {"GOCACHE", work + "/tmp/go-build"},
      {"GODEBUG", ""},
      {"GOEXE", ""},
      {"GOEXPERIMENT", ""},
      {"GOOS", "linux"},
      {"GOPATH", work + "/gopath"},
      {"GOPROXY", "off"},
      {"GOPRIVATE", ""},
      {"GOROOT", root},
      {"GOROOT_FINAL", ""},
      {"GOTRACEBACK", "system"},
      {"TESTGO_GOROOT", root},
      {"GOSUMDB", "off"},
      {"GONOPROXY", ""},
      {"GONOSUMDB", ""},
      {"GOVCS", "*:all"},
      {"devnull", "/dev/null"},
      {"goversion", go_release(root)},
  };
  for (const auto& [name, value] : variables) {
    // HOME is in every place's base; whether somebody asked for it cannot be seen there.
    if (std::string_view(name) == "HOME" || !session.setting.environment.contains(name))
      CHECK_OK(session.variables.set(name, value));
  }
  if (session.variables.get("TMPDIR").value_or("") == work + "/.tmp")
    CHECK_OK(session.variables.set("TMPDIR", work + "/tmp"));
  session.variables.set_local("PWD", session.directory);
  return {};
}

Result<bool> holds(Session& session, std::string_view text) {
  if (const auto common = go_family::common_condition(session, text)) return *common;
  if (text == "root") return ::geteuid() == 0;
  if (const auto known = go_condition(session, text)) return *known;
  return Error::usage(fmt::format("unknown condition {}", text::quoted(text)));
}

std::string unknown(const Session&, const script::Command& command) {
  return fmt::format("unknown command {}", text::quoted(command.name));
}

Answer run_addcrlf(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: addcrlf file...");
  for (const std::string& name : arguments) {
    auto content = session.load(name);
    if (!content.ok())
      return go_family::fatal_on("open", go_family::absolute(session, name), content.error());
    auto text = content.value().view();
    if (!text.ok()) return fatal(text.error().message());
    std::string with_returns;
    for (const char c : text.value()) {
      if (c == '\n') with_returns += '\r';
      with_returns += c;
    }
    if (Status written = write_script_file(session, name, 0666, with_returns); !written.ok())
      return fatal(written.error().message());
  }
  return Answer::done();
}

Answer go(Session& session, const Arguments& arguments) {
  auto program = go_program(session);
  if (!program.ok()) return fatal("unexpected error starting command: " + program.error().message());
  Arguments words{std::move(program).value()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return go_family::run_exec(session, words);
}

Answer cc(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: cc args... [&]");
  Arguments words = c_compiler(session);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return go_family::run_exec(session, words);
}

Answer run_sleep(Session& session, const Arguments& arguments) {
  if (arguments.size() != 1) return fatal("usage: sleep duration");
  if (!text::parse_duration(arguments.front()))
    return fatal(fmt::format("sleep: time: invalid duration {}", text::quoted(arguments.front())));
  if (auto refused = go_family::unless_alone(session, "sleep")) return *std::move(refused);
  return interpret::run_sleep(session, arguments);
}

Answer stale(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: stale target...");
  const script::Want want = session.command->want;
  if (want == script::Want::either) return fatal("unsupported: ? stale");
  auto wrong = wrongly_stale(session, arguments, want == script::Want::success);
  if (!wrong.ok()) return fatal(wrong.error().message());
  return wrong.value().empty() ? Answer::done() : fatal(wrong.value());
}

// Sorted by name.
constexpr CommandInfo table[] = {
    {.name = "addcrlf", .usage = "file...", .run = run_addcrlf},
    {.name = "cc", .usage = "args... [&]", .background = true, .run = cc},
    {.name = "cd", .usage = "dir", .run = go_family::run_cd},
    {.name = "chmod", .usage = "perm paths...", .run = go_family::run_chmod},
    {.name = "cmp", .usage = "[-q] file1 file2", .run = go_family::run_cmp},
    {.name = "cmpenv", .usage = "[-q] file1 file2", .run = go_family::run_cmpenv},
    {.name = "cp", .usage = "src... dst", .run = go_family::run_cp},
    {.name = "env", .usage = "[-r] [key=value...]", .run = go_family::run_env},
    {.name = "exec", .usage = "program [args...] [&]", .background = true, .run = go_family::run_exec},
    {.name = "exists", .usage = "[-readonly] [-exec] file...", .run = go_family::run_exists},
    {.name = "go", .usage = "args... [&]", .background = true, .run = go},
    {.name = "grep", .usage = "[-count=N] [-q] pattern file", .pattern = true, .run = go_family::run_grep},
    {.name = "mkdir", .usage = "dir...", .run = go_family::run_mkdir},
    {.name = "mv", .usage = "old new", .run = go_family::run_mv},
    {.name = "rm", .usage = "file...", .run = go_family::run_rm},
    {.name = "skip", .usage = "[message]", .run = go_family::run_skip},
    {.name = "sleep", .usage = "duration", .run = run_sleep},
    {.name = "stale", .usage = "target...", .run = stale},
    {.name = "stderr", .usage = "[-count=N] [-q] pattern", .pattern = true, .run = go_family::run_stderr},
    {.name = "stdout", .usage = "[-count=N] [-q] pattern", .pattern = true, .run = go_family::run_stdout},
    {.name = "stop", .usage = "[message]", .run = go_family::run_stop},
    {.name = "symlink", .usage = "file -> target", .run = go_family::run_symlink},
    {.name = "wait", .usage = "", .run = go_family::run_wait},
};

}  // namespace

const Rules& cmdgo_rules() {
  static const Rules rules = [] {
    Rules them;
    them.language = script::Language::cmdgo;
    them.commands = table;
    them.negation = Negation::by_command;
    them.expansion = {.quoted = false, .demanded = false};
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
