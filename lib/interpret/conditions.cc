// Conditions by name.
#include "interpret/conditions.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/proc.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/lookup.h"

namespace testctr::interpret {
namespace {

// The systems and architectures that Go knows, so that a slip is not taken for "some other system".
constexpr std::string_view systems[] = {"aix",     "android", "darwin",  "dragonfly", "freebsd", "hurd",
                                        "illumos", "ios",     "js",      "linux",     "nacl",    "netbsd",
                                        "openbsd", "plan9",   "solaris", "wasip1",    "windows", "zos"};
constexpr std::string_view architectures[] = {
    "386",     "amd64",  "amd64p32", "arm",      "armbe",     "arm64",       "arm64be", "loong64",
    "mips",    "mipsle", "mips64",   "mips64le", "mips64p32", "mips64p32le", "ppc",     "ppc64",
    "ppc64le", "riscv",  "riscv64",  "s390",     "s390x",     "sparc",       "sparc64", "wasm"};
constexpr std::string_view compilers[] = {"gc", "gccgo"};

constexpr ConditionInfo table[] = {
    {"GOARCH:", "the architecture is that (amd64); [amd64] says the same"},
    {"GOOS:", "the system is that (linux); [linux] says the same"},
    {"compiler:", "the Go compiler is that: gc"},
    {"container-ready:", "the container of that name is ready"},
    {"container:", "a container of that name runs"},
    {"env:", "the variable is set, and not empty"},
    {"exec:", "there is a program of that name in $PATH"},
    {"file:", "there is a file, or a folder, of that name"},
    {"link", "hard links can be made"},
    {"net", "there is a network"},
    {"root", "the script runs as the user 0"},
    {"short", "the run is to be short"},
    {"symlink", "symbolic links can be made"},
    {"unix", "the system is a Unix"},
    {"verbose", "the run is to tell more"},
};

bool contains(std::span<const std::string_view> list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Error unknown(std::string_view text, const std::map<std::string, bool>& given) {
  std::vector<std::string> names;
  for (const auto& [name, is] : given) names.push_back(name);
  for (const ConditionInfo& info : table) names.emplace_back(info.name);
  for (std::string_view name : systems) names.emplace_back(name);
  for (std::string_view name : architectures) names.emplace_back(name);
  Error error = Error::usage(fmt::format("unknown condition [{}]", text::printable(text)));
  if (auto near = text::nearest(text, names))
    return std::move(error).hint(fmt::format("did you mean [{}]?", *near));
  return std::move(error).hint("`help` lists the conditions; --cond NAME=true gives another one");
}

bool program_there(Session& session, std::string_view name) {
  std::string path = session.variables.get("PATH").value_or("");
  auto [known, fresh] = session.exec_conditions.emplace(path + '\0' + std::string(name), false);
  if (fresh) known->second = find_program(name, path, session.directory).ok();
  if (name.find('/') != std::string_view::npos) {
    const auto file = session.open(std::string(name), O_PATH);
    if (!file.ok()) return false;
    const proc::Place place = proc::place(fmt::format("self/fd/{}", file.value().get()));
    return ::faccessat(place.directory, place.path.c_str(), X_OK, 0) == 0;
  }
  return known->second;
}

}  // namespace

std::span<const ConditionInfo> all_conditions() { return table; }

Status check_condition(std::string_view text, const std::map<std::string, bool>& given) {
  if (given.contains(std::string(text))) return {};
  size_t colon = text.find(':');
  std::string_view name = colon == std::string_view::npos ? text : text.substr(0, colon + 1);
  std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  bool plain = colon == std::string_view::npos;
  if (plain && (contains(systems, name) || contains(architectures, name))) return {};
  auto is = [&](std::string_view wanted) {
    return std::any_of(std::begin(table), std::end(table),
                       [&](const ConditionInfo& info) { return info.name == wanted; });
  };
  if (!is(name)) {
    if (plain && is(std::string(name) + ":")) {
      return Error::usage(fmt::format("the condition [{}] wants a value", name))
          .hint(fmt::format("write [{}:VALUE]", name));
    }
    if (!plain && is(name.substr(0, name.size() - 1))) {
      return Error::usage(fmt::format("the condition [{}] takes no value", name.substr(0, name.size() - 1)));
    }
    return unknown(text, given);
  }
  if (!plain && value.empty()) return Error::usage(fmt::format("the condition [{}] wants a value", text));
  bool known = name == "GOOS:"       ? contains(systems, value)
               : name == "GOARCH:"   ? contains(architectures, value)
               : name == "compiler:" ? contains(compilers, value)
                                     : true;
  if (!known)
    return Error::usage(
        fmt::format("unknown value {} in the condition [{}]", text::quoted(value), text::printable(text)));
  return {};
}

std::string_view own_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
  return "";
#endif
}

std::optional<bool> system_condition(std::string_view text) {
  if (contains(systems, text)) return text == "linux";
  if (contains(architectures, text)) return text == own_architecture();
  return std::nullopt;
}

bool holds(Session& session, std::string_view text) {
  const auto& all = session.setting.conditions;
  if (const auto given = all.find(std::string(text)); given != all.end()) return given->second;
  size_t colon = text.find(':');
  std::string_view name = colon == std::string_view::npos ? text : text.substr(0, colon + 1);
  std::string_view value = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (name == "exec:") return program_there(session, value);
  if (name == "env:") return !session.lookup(value).value_or("").empty();
  if (name == "file:") return session.status_of(std::string(value)).ok();
  if (name == "container:" || name == "container-ready:") {
    // Where nobody can be asked there is none.
    const auto kind = name == "container:" ? Request::Kind::is_running : Request::Kind::is_ready;
    const Result<bool> is = container_is(session, kind, std::string(value));
    return is.ok() && is.value();
  }
  if (name == "compiler:") return value == "gc";
  if (name == "root") return ::geteuid() == 0;
  if (name == "net") return session.setting.network;
  if (name == "short") return session.setting.short_run;
  if (name == "verbose") return session.setting.verbose;
  if (name == "unix" || name == "link" || name == "symlink") return true;
  if (name != "GOARCH:" && contains(systems, value)) return value == "linux";
  return value == own_architecture();
}

}  // namespace testctr::interpret
