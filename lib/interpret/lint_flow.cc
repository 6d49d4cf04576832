// What the order of the lines says: assertions about nothing, lines that are never reached, ends that nobody
// sees.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "interpret/extract.h"
#include "interpret/lint_rules.h"
#include "interpret/session.h"

namespace testctr::interpret {
namespace {

constexpr std::string_view work = "/work";  // stands for $WORK wherever that is

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Commands that leave the last output alone.
bool keeps_output(const script::Command& command) {
  static constexpr std::array<std::string_view, 29> names = {
      "cd",    "chmod", "cmp",   "cmpenv", "cp",      "exists", "grep",    "mkdir",   "mv",       "replace",
      "rm",    "skip",  "stop",  "stdout", "stderr",  "ttyout", "symlink", "unquote", "unix2dos", "stdin",
      "ttyin", "kill",  "stale", "defer",  "capture", "status", "waitfor", "addcrlf", "sleep"};
  if (command.name != "env") return is_one_of(command.name, names);
  return std::all_of(command.arguments.begin(), command.arguments.end(),
                     [](const script::Word& word) { return raw(word).find('=') != std::string::npos; }) &&
         !command.arguments.empty();
}

/// Commands that take nothing away and start nothing that could.
bool keeps_files(const script::Command& command) {
  static constexpr std::array<std::string_view, 19> names = {
      "cat",   "cd",   "chmod", "cmp",    "cmpenv", "cp",      "echo",    "env",      "exists", "grep",
      "mkdir", "skip", "stop",  "stdout", "stderr", "symlink", "unquote", "unix2dos", "help"};
  return is_one_of(command.name, names);
}

bool is_assertion(const script::Command& command) {
  static constexpr std::array<std::string_view, 6> names = {"cmp",  "cmpenv", "exists",
                                                            "grep", "stdout", "stderr"};
  return is_one_of(command.name, names);
}

/// The index of an argument that is a buffer of output which the command looks at; its own name counts as the
/// first.
std::optional<size_t> output_looked_at(const script::Command& command) {
  if (command.name == "stdout" || command.name == "stderr") return 0;
  if (command.name != "cmp" && command.name != "cmpenv" && command.name != "cp") return std::nullopt;
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const auto word = constant(command.arguments[i]);
    // The last word of cp is the target.
    if (command.name == "cp" && i + 1 == command.arguments.size()) break;
    if (word == "stdout" || word == "stderr") return i;
  }
  return std::nullopt;
}

/// What a condition excludes: the name of a family, and the member of it.
std::pair<std::string, std::string> family_of(const std::string& condition) {
  static constexpr std::array<std::string_view, 9> systems = {
      "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "plan9", "solaris", "js"};
  static constexpr std::array<std::string_view, 6> machines = {"amd64", "arm64",   "386",
                                                               "arm",   "riscv64", "s390x"};
  const size_t colon = condition.find(':');
  if (colon != std::string::npos) {
    const std::string prefix = condition.substr(0, colon);
    if (prefix == "GOOS" || prefix == "GOARCH" || prefix == "compiler")
      return {prefix, condition.substr(colon + 1)};
  }
  if (is_one_of(condition, systems)) return {"GOOS", condition};
  if (is_one_of(condition, machines)) return {"GOARCH", condition};
  return {condition, ""};
}

class Flow {
 public:
  Flow(const script::Script& script, const LintOptions& options, Findings& findings)
      : script_(script), findings_(findings), output_(options.goes_on ? Output::some : Output::none) {
    for (const script::File& file : script.files) {
      if (file.name.find('$') != std::string::npos) continue;
      auto name = normal_name(file.name, work);
      if (name.ok()) files_.insert(std::move(name).value());
    }
    if (options.goes_on) directory_.reset();
  }

  void run() {
    for (const script::Command& command : script_.commands) {
      if (end_ != nullptr && !told_end_) {
        told_end_ = true;
        findings_.at_name("unreachable", command,
                          fmt::format("this is never reached: the script ends with `{}` in line {}",
                                      end_->name, end_->line),
                          "give it a condition, or take away what stands behind it");
      }
      conditions(command);
      assertion(command);
      output(command);
      background(command);
      go_on(command);
    }
    for (const script::Command* command : running_) {
      findings_.at_name("missing-wait", *command,
                        "nobody waits for this: a failure of it is seen by chance alone",
                        "`wait` for it, or begin the line with `?` where its end does not matter");
    }
  }

 private:
  enum class Output : uint8_t { none, some, background };

  void conditions(const script::Command& command) {
    std::map<std::string, std::pair<std::string, bool>> seen;
    for (const script::Condition& condition : command.conditions) {
      auto [family, value] = family_of(condition.text);
      for (const script::Condition& other : command.conditions) {
        if (other.column >= condition.column) break;
        auto [other_family, other_value] = family_of(other.text);
        if (family != other_family) continue;
        const bool same = value == other_value;
        const bool excluded =
            same ? condition.negated != other.negated : !condition.negated && !other.negated;
        if (!excluded) continue;
        findings_.add("never-runs", command.line, condition.column - 1,
                      fmt::format("this line never runs: [{}{}] and [{}{}] exclude each other",
                                  other.negated ? "!" : "", text::printable(other.text),
                                  condition.negated ? "!" : "", text::printable(condition.text)),
                      "all conditions in front of a command must hold");
      }
    }
  }

  void assertion(const script::Command& command) {
    if (!is_assertion(command)) return;
    if (command.want == script::Want::either) {
      findings_.at_name("cannot-fail", command, fmt::format("`? {}` holds whatever happens", command.name),
                        "leave the `?` out, or the line");
    }
    if (command.name == "cmp" || command.name == "cmpenv") {
      size_t first = !command.arguments.empty() && raw(command.arguments[0]) == "-q" ? 1 : 0;
      if (command.arguments.size() == first + 2 && command.arguments[first] == command.arguments[first + 1])
        findings_.at_argument(
            "compared-with-itself", command, first + 1,
            fmt::format("{} is compared with itself", text::printable(raw(command.arguments[first]))),
            "name what is wanted in another file");
    }
    if (command.name == "exists" && command.want == script::Want::success && files_whole_ && directory_)
      exists(command);
  }

  void exists(const script::Command& command) {
    bool all = !command.arguments.empty();
    for (const script::Word& word : command.arguments) {
      const auto name = constant(word);
      if (!name || name->starts_with('-')) return;
      const std::string path = clean_path(name->starts_with('/') ? *name : *directory_ + "/" + *name);
      all = all && path.starts_with("/work/") && files_.contains(path.substr(6));
    }
    if (all)
      findings_.at_name("cannot-fail", command,
                        "what stands in the script exists: nothing has run that could have taken it away",
                        "look at what a command has made");
  }

  void output(const script::Command& command) {
    const auto index = output_looked_at(command);
    if (!index || output_ == Output::some || told_output_) return;
    const bool by_name = command.name == "stdout" || command.name == "stderr";
    const std::string what = by_name ? command.name : raw(command.arguments[*index]);
    const bool early = output_ == Output::none;
    std::string message = early
                              ? fmt::format("{} is empty: no command has run yet that writes anything", what)
                              : fmt::format(
                                    "{} is empty: a command in the background has begun, and its output "
                                    "is there after `wait`",
                                    what);
    const std::string hint =
        early ? "look at output behind the command that writes it" : "put `wait` before it";
    if (by_name) {
      findings_.at_name("no-output", command, std::move(message), hint);
    } else {
      findings_.at_argument("no-output", command, *index, std::move(message), hint);
    }
    told_output_ = true;  // once for all that follow
  }

  void background(const script::Command& command) {
    if (command.name == "wait" || command.name == "kill") {
      running_.clear();
    } else if (command.background && command.want != script::Want::either) {
      running_.push_back(&command);
    }
  }

  /// What the command changes for the lines behind it.
  void go_on(const script::Command& command) {
    const bool always = command.conditions.empty();
    if (command.background) {
      if (always) output_ = Output::background;
      told_output_ = false;
    } else if (!keeps_output(command)) {
      output_ = Output::some;
      told_output_ = false;
    }
    files_whole_ = files_whole_ && keeps_files(command);
    if (command.name == "cd" && !command.arguments.empty()) {
      const auto name = constant(command.arguments[0]);
      if (!always || !name || name->starts_with('/')) {
        directory_.reset();
      } else if (directory_) {
        directory_ = clean_path(*directory_ + "/" + *name);
      }
    }
    if (always && end_ == nullptr && (command.name == "stop" || command.name == "skip")) end_ = &command;
  }

  const script::Script& script_;
  Findings& findings_;
  std::set<std::string> files_;  ///< below $WORK
  std::optional<std::string> directory_ = std::string(work);
  bool files_whole_ = true;
  Output output_;
  bool told_output_ = false, told_end_ = false;
  const script::Command* end_ = nullptr;
  std::vector<const script::Command*> running_;
};

}  // namespace

void lint_flow(const script::Script& script, const LintOptions& options, Findings& findings) {
  Flow(script, options, findings).run();
}

}  // namespace testctr::interpret
