// The dialect of cmd/go's script tests up to Go 1.19, with the `go` of the place in place of a test binary.
#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/go_family.h"
#include "interpret/lookup.h"
#include "interpret/open_plain.h"

namespace testctr::interpret {
namespace {

using go_family::fatal;

std::string base_path(const Session& session) {
  const auto found = session.setting.environment.find("PATH");
  return found == session.setting.environment.end() ? "" : found->second;
}

/// The `go` that scripts run: the one on the place's own PATH, whatever they make of theirs.
Result<std::string> go_program(const Session& session) {
  return find_program("go", base_path(session), session.directory);
}

/// $GOROOT: what the program's own links lead to says it.
std::string go_root(const Session& session) {
  const auto program = go_program(session);
  if (!program.ok()) return {};
  char real[PATH_MAX];
  if (::realpath(program.value().c_str(), real) == nullptr) return {};
  std::string path(real);
  for (int up = 0; up < 2 && path.rfind('/') != std::string::npos; ++up) path.resize(path.rfind('/'));
  return path;
}

/// "1.19" of "go1.19.8" in $GOROOT/VERSION.
std::string go_version(const std::string& root) {
  constexpr size_t most = 4096;
  auto file = open_plain(root + "/VERSION", O_RDONLY);
  if (root.empty() || !file.ok()) return {};
  auto content = sys::read_all(file.value().get(), most);
  if (!content.ok() || !content.value().starts_with("go")) return {};
  std::string_view version = std::string_view(content.value()).substr(2);
  version = version.substr(0, version.find_first_not_of("0123456789."));
  const size_t minor = version.find('.');
  return std::string(
      version.substr(0, minor == std::string_view::npos ? minor : version.find('.', minor + 1)));
}

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
      {"goversion", go_version(root)},
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

bool has_compiler(Session& session) {
  const std::string compiler = session.variables.get("CC").value_or("gcc");
  return find_program(compiler.substr(0, compiler.find(' ')), base_path(session), session.directory).ok();
}

Result<bool> holds(Session& session, std::string_view text) {
  if (const auto common = go_family::common_condition(session, text)) return *common;
  if (text == "root") return ::geteuid() == 0;
  if (text == "cgo" || text == "msan" || text == "asan" || text == "race") return has_compiler(session);
  if (text == "fuzz" || text == "fuzz-instrumented" || text == "case-sensitive") return true;
  if (text == "cgolinkext" || text == "trimpath" || text == "mismatched-goroot") return false;
  if (text.starts_with("GODEBUG:")) {
    const std::string all = session.variables.get("GODEBUG").value_or("");
    for (const std::string& one : text::split(all, ','))
      if (text::trim(one) == text.substr(8)) return true;
    return false;
  }
  if (text.starts_with("buildmode:")) {
    for (const std::string_view mode :
         {"archive", "c-archive", "c-shared", "default", "exe", "pie", "plugin", "shared"})
      if (text.substr(10) == mode) return true;
    return false;
  }
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

Answer run_go(Session& session, const Arguments& arguments) {
  auto program = go_program(session);
  if (!program.ok()) return fatal("unexpected error starting command: " + program.error().message());
  Arguments words{std::move(program).value()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return go_family::run_exec(session, words);
}

/// The C compiler with what cmd/go gives it.
Answer run_cc(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: cc args... [&]");
  std::string compiler = session.variables.get("CC").value_or("gcc");
  Arguments words;
  for (std::string& word : text::split(compiler, ' '))
    if (!word.empty()) words.push_back(std::move(word));
  for (const char* word : {"-I", ".", "-fPIC", "-m64", "-pthread", "-fmessage-length=0"})
    words.emplace_back(word);
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

/// By `go list`, which says what it thinks of a package's age.
Answer run_stale(Session& session, const Arguments& arguments) {
  if (arguments.empty()) return fatal("usage: stale target...");
  const script::Want want = session.command->want;
  if (want == script::Want::either) return fatal("unsupported: ? stale");
  const std::string wrong =
      want == script::Want::failure
          ? "{{if .Stale}}{{.ImportPath}} is unexpectedly stale: {{.StaleReason}}{{end}}"
          : "{{if not .Stale}}{{.ImportPath}} is unexpectedly NOT stale{{end}}";
  auto program = go_program(session);
  if (!program.ok()) return fatal("go list: " + program.error().message());
  Arguments words{"list", "-e",
                  "-f={{if .Error}}{{.ImportPath}}: {{.Error.Err}}{{else}}" + wrong + "{{end}}"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  // It is no program of the script: its output is not left behind.
  OutputBuffer out = std::move(session.out), err = std::move(session.err);
  Answer answer = run_program(session, program.value(), words);
  auto said = session.out.view();
  const std::string text(said.ok() ? said.value() : "");
  session.out = std::move(out);
  session.err = std::move(err);
  if (answer.kind == Answer::Kind::cancelled) return answer;
  if (answer.kind != Answer::Kind::done) return fatal("go list: " + answer.failure.reason);
  return text.empty() ? Answer::done() : fatal(std::string(text::trim(text)));
}

// Sorted by name.
constexpr CommandInfo table[] = {
    {.name = "addcrlf", .usage = "file...", .run = run_addcrlf},
    {.name = "cc", .usage = "args... [&]", .background = true, .run = run_cc},
    {.name = "cd", .usage = "dir", .run = go_family::run_cd},
    {.name = "chmod", .usage = "perm paths...", .run = go_family::run_chmod},
    {.name = "cmp", .usage = "[-q] file1 file2", .run = go_family::run_cmp},
    {.name = "cmpenv", .usage = "[-q] file1 file2", .run = go_family::run_cmpenv},
    {.name = "cp", .usage = "src... dst", .run = go_family::run_cp},
    {.name = "env", .usage = "[-r] [key=value...]", .run = go_family::run_env},
    {.name = "exec", .usage = "program [args...] [&]", .background = true, .run = go_family::run_exec},
    {.name = "exists", .usage = "[-readonly] [-exec] file...", .run = go_family::run_exists},
    {.name = "go", .usage = "args... [&]", .background = true, .run = run_go},
    {.name = "grep", .usage = "[-count=N] [-q] pattern file", .pattern = true, .run = go_family::run_grep},
    {.name = "mkdir", .usage = "dir...", .run = go_family::run_mkdir},
    {.name = "mv", .usage = "old new", .run = go_family::run_mv},
    {.name = "rm", .usage = "file...", .run = go_family::run_rm},
    {.name = "skip", .usage = "[message]", .run = go_family::run_skip},
    {.name = "sleep", .usage = "duration", .run = run_sleep},
    {.name = "stale", .usage = "target...", .run = run_stale},
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
    them.prepared = prepared;
    them.prepare = prepare;
    them.end_background = go_family::end_background;
    return them;
  }();
  return rules;
}

}  // namespace testctr::interpret
