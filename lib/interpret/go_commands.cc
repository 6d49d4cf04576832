#include "interpret/go_commands.h"

#include <fcntl.h>

#include <charconv>
#include <climits>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/lookup.h"
#include "interpret/open_plain.h"

namespace testctr::interpret {
namespace {

std::string base_path(const Session& session) {
  const auto found = session.setting.environment.find("PATH");
  return found == session.setting.environment.end() ? "" : found->second;
}

bool has_compiler(const Session& session) {
  const Arguments compiler = c_compiler(session);
  return find_program(compiler.front(), base_path(session), session.directory).ok();
}

}  // namespace

std::optional<unsigned> go_number(std::string_view text, int base) {
  if (base == 0) {
    base = 10;
    const auto prefix = [&](std::string_view lower, std::string_view upper, int is) {
      if (!text.starts_with(lower) && !text.starts_with(upper)) return false;
      text.remove_prefix(2);
      base = is;
      return true;
    };
    if (!prefix("0x", "0X", 16) && !prefix("0b", "0B", 2) && !prefix("0o", "0O", 8) && text.size() > 1 &&
        text.starts_with('0')) {
      text.remove_prefix(1);
      base = 8;
    }
  }
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::string> go_program(const Session& session) {
  return find_program("go", base_path(session), session.directory);
}

std::string go_root(const Session& session) {
  const auto program = go_program(session);
  if (!program.ok()) return {};
  char real[PATH_MAX];
  if (::realpath(program.value().c_str(), real) == nullptr) return {};
  std::string path(real);
  for (int up = 0; up < 2 && path.rfind('/') != std::string::npos; ++up) path.resize(path.rfind('/'));
  return path;
}

std::string go_release(const std::string& root) {
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

std::optional<bool> go_condition(Session& session, std::string_view text) {
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
  return std::nullopt;
}

Arguments c_compiler(const Session& session) {
  Arguments words;
  for (std::string& word : text::split(session.variables.get("CC").value_or("gcc"), ' '))
    if (!word.empty()) words.push_back(std::move(word));
  if (words.empty()) words.emplace_back("gcc");
  for (const char* word : {"-I", ".", "-fPIC", "-m64", "-pthread", "-fmessage-length=0"})
    words.emplace_back(word);
  return words;
}

Result<std::string> wrongly_stale(Session& session, const Arguments& packages, bool stale) {
  const std::string wrong =
      stale ? "{{if not .Stale}}{{.ImportPath}} is unexpectedly NOT stale{{end}}"
            : "{{if .Stale}}{{.ImportPath}} is unexpectedly stale: {{.StaleReason}}{{end}}";
  const std::string program = TRY_IN(go_program(session), "go list");
  Arguments words{"list", "-e",
                  "-f={{if .Error}}{{.ImportPath}}: {{.Error.Err}}{{else}}" + wrong + "{{end}}"};
  words.insert(words.end(), packages.begin(), packages.end());
  // It is no program of the script: its output is not left behind.
  OutputBuffer out = std::move(session.out), err = std::move(session.err);
  const Answer answer = run_program(session, program, words);
  auto said = session.out.view();
  std::string text(said.ok() ? text::trim(said.value()) : "");
  session.out = std::move(out);
  session.err = std::move(err);
  if (answer.kind != Answer::Kind::done) return Error::usage("go list: " + answer.failure.reason);
  return text;
}

Answer run_go(Session& session, const Arguments& arguments) {
  auto program = go_program(session);
  if (!program.ok()) return Answer::failed(program.error());
  return run_program(session, program.value(), arguments);
}

Answer run_cc(Session& session, const Arguments& arguments) {
  Arguments words = c_compiler(session);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_exec(session, words);
}

Answer run_stale(Session& session, const Arguments& arguments) {
  auto wrong = wrongly_stale(session, arguments, true);
  if (!wrong.ok()) return Answer::failed(wrong.error());
  return wrong.value().empty() ? Answer::done() : Answer::failed(wrong.value());
}

}  // namespace testctr::interpret
