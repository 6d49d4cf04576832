// What is wrong with a script can be said before it runs, and before a container is made for it.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>

#include "base/text.h"
#include "interpret/call.h"
#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/extract.h"
#include "interpret/interpreter.h"
#include "interpret/lint.h"
#include "interpret/lint_rules.h"
#include "interpret/pattern.h"
#include "interpret/replacer.h"

namespace testctr::interpret {
namespace {

constexpr size_t told_at_most = 50;

Error as_error(const Finding& finding) {
  Error placed =
      Error::usage(fmt::format("{}:{}:{}: {}", finding.file, finding.line, finding.column, finding.message));
  return finding.hint.empty() ? placed : std::move(placed).hint(finding.hint);
}

Error unknown_command(const std::string& name, const std::vector<std::string>& programs) {
  Error error = Error::usage(fmt::format("unknown command {}", text::quoted(name)));
  std::vector<std::string> names(programs);
  for (const CommandInfo& info : all_commands()) names.emplace_back(info.name);
  auto is_name = [&](std::string_view word) {
    return std::find(names.begin(), names.end(), word) != names.end();
  };
  std::string_view rest = name;
  if ((rest.starts_with('!') || rest.starts_with('?')) && is_name(rest.substr(1))) {
    return std::move(error).hint(fmt::format("did you mean `{} {}`?", rest.substr(0, 1), rest.substr(1)));
  }
  if (auto near = text::nearest(name, names))
    return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
  return std::move(error).hint(
      fmt::format("a program is run with `exec {}`; `help` lists the commands", text::printable(name)));
}

bool is_constant(const script::Word& word) {
  return std::all_of(word.begin(), word.end(), [](const script::Fragment& f) {
    return f.quoted || f.text.find('$') == std::string::npos;
  });
}

Status check_pattern(const script::Command& command) {
  size_t i = 0;
  if (command.name == "capture" || command.name == "waitfor") i = pattern_argument(command);
  while (i < command.arguments.size() &&
         (raw(command.arguments[i]).starts_with("-count=") || raw(command.arguments[i]) == "-q"))
    ++i;
  if (i >= command.arguments.size() || !is_constant(command.arguments[i])) return {};
  auto pattern = Pattern::compile(raw(command.arguments[i]));
  if (!pattern.ok()) return std::move(pattern).error();
  return {};
}

/// A word that is a flag by its looks: `-` and a letter (or another `-`), not quoted.
bool looks_like_flag(const script::Word& word) {
  if (word.empty() || word[0].quoted) return false;
  const std::string& text = word[0].text;
  return text.size() > 1 && text[0] == '-' &&
         (text[1] == '-' || std::isalpha(static_cast<unsigned char>(text[1])));
}

/// The flags of commands that take words which could be meant as flags. Words of the others are data.
std::optional<std::vector<std::string>> flags_of(std::string_view command) {
  if (command == "stdout" || command == "stderr" || command == "ttyout" || command == "grep")
    return std::vector<std::string>{"-count=N", "-q"};
  if (command == "cmp" || command == "cmpenv") return std::vector<std::string>{"-q"};
  if (command == "env") return std::vector<std::string>{"-r"};
  if (command == "help") return std::vector<std::string>{"-v"};
  if (command == "exists") return std::vector<std::string>{"-readonly", "-exec"};
  if (command == "ttyin") return std::vector<std::string>{"-stdin"};
  for (std::string_view name :
       {"cat", "cd", "chmod", "cp", "mkdir", "mv", "rm", "stdin", "unix2dos", "unquote"}) {
    if (command == name) return std::vector<std::string>{};
  }
  return std::nullopt;
}

/// A mistyped flag would be a pattern or a name, and `!` would be content with it.
Status check_flags(const script::Command& command, const CommandInfo& info) {
  auto flags = flags_of(command.name);
  if (!flags) return {};
  for (const script::Word& word : command.arguments) {
    const std::string text = raw(word);
    const bool known = (info.pattern && text.starts_with("-count=")) ||
                       std::find(flags->begin(), flags->end(), text) != flags->end();
    if (known) continue;
    if (!looks_like_flag(word)) {
      // Of names all are looked at; after a pattern or a variable comes what belongs to it.
      if (command.name == "exists" || flags->empty()) continue;
      return {};
    }
    Error error = Error::usage(fmt::format("{} has no option {}", command.name, text::printable(text)));
    const size_t equals = text.find('=');
    const std::string stem = equals == std::string::npos ? text : text.substr(0, equals) + "=N";
    if (auto near = text::nearest(stem, *flags)) {
      std::string meant = near->ends_with("=N") && equals != std::string::npos
                              ? near->substr(0, near->size() - 1) + text.substr(equals + 1)
                              : *near;
      return std::move(error).hint(fmt::format("did you mean `{}`? What is no option is quoted: '{}'",
                                               text::printable(meant), text::printable(text)));
    }
    return std::move(error).hint(fmt::format("quote it if it is {}: '{}'",
                                             info.pattern ? "the pattern" : "a name or a value",
                                             text::printable(text)));
  }
  return {};
}

/// How many words there are beside the flags, for commands that want just so many of them.
Status check_count_behind_flags(const script::Command& command, const std::string& usage) {
  const bool two = command.name == "cmp" || command.name == "cmpenv" || command.name == "grep";
  if (!two && command.name != "stdout" && command.name != "stderr" && command.name != "ttyout") return {};
  const size_t wanted = two ? 2 : 1;
  const std::vector<std::string> flags = *flags_of(command.name);
  size_t at = 0;
  for (; at < command.arguments.size() && is_constant(command.arguments[at]); ++at) {
    const std::string text = raw(command.arguments[at]);
    if (std::find(flags.begin(), flags.end(), text) == flags.end() && !text.starts_with("-count=")) break;
  }
  const size_t rest = command.arguments.size() - at;
  if (rest == wanted || (at < command.arguments.size() && !is_constant(command.arguments[at]))) return {};
  return Error::usage(fmt::format("{} takes {} beside its options, not {}", command.name,
                                  two ? "two arguments" : "one argument", rest))
      .hint(usage);
}

/// All words when none of them holds a variable.
std::optional<std::vector<std::string>> constant_words(const script::Command& command) {
  std::vector<std::string> words;
  for (const script::Word& word : command.arguments) {
    if (!is_constant(word)) return std::nullopt;
    words.push_back(raw(word));
  }
  return words;
}

/// The same for commands about processes and their output.
Status check_process_words(const script::Command& command) {
  const std::string& name = command.name;
  const auto words = constant_words(command);
  if (name == "capture" && is_constant(command.arguments[0])) {
    CHECK_OK(check_capture_name(raw(command.arguments[0])));
    const size_t pattern = pattern_argument(command);
    if (pattern != SIZE_MAX && pattern + 1 < command.arguments.size())
      return Error::usage("usage: capture VAR [stdout|stderr|ttyout] [PATTERN]")
          .hint("quote a pattern with blanks: 'a b'");
  }
  if (!words) return {};
  if (name == "status")
    return parse_status(words->front()).ok() ? Status() : parse_status(words->front()).error();
  if (name == "waitfor") {
    auto wanted = parse_readiness(*words);
    return wanted.ok() ? Status() : std::move(wanted).error();
  }
  if (name == "kill" && words->size() == 2 && !words->front().starts_with('-'))
    return Error::usage("usage: kill [-SIGNAL] [NAME]");
  if (name == "kill" && !words->empty() && words->front().starts_with('-') &&
      !signal_named(std::string_view(words->front()).substr(1)))
    return Error::usage(fmt::format("no signal is called {}", text::quoted(words->front().substr(1))))
        .hint("as in kill -TERM NAME");
  if (name == "ttyin" && (words->size() == 2) != (words->front() == "-stdin"))
    return Error::usage("usage: ttyin [-stdin] FILE");
  return {};
}

/// What the words of a command say when they hold no variables.
Status check_words(const script::Command& command) {
  const auto& words = command.arguments;
  const std::string& name = command.name;
  auto constant = [&](size_t i) { return i < words.size() && is_constant(words[i]); };
  auto usage = [&](const char* text) { return Error::usage(fmt::format("usage: {} {}", name, text)); };
  if (name == "sleep" && constant(0) && !text::parse_duration(raw(words[0]))) {
    return Error::usage(fmt::format("{} is not a duration", text::quoted(raw(words[0]))))
        .hint("a number with a unit: 300ms, 1.5s, 2m");
  }
  if (name == "chmod" && constant(0) && !parse_mode(raw(words[0]))) {
    return Error::usage(fmt::format("invalid mode {}", text::quoted(raw(words[0]))))
        .hint("an octal number up to 777: chmod 755 FILE");
  }
  CHECK_OK(check_process_words(command));
  if (name == "symlink" && constant(1) && raw(words[1]) != "->") return usage("PATH -> TARGET");
  if (name == "replace" && (words.size() < 3 || words.size() % 2 == 0))
    return usage("OLD NEW [OLD NEW]... FILE");
  if (name == "replace") {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      if (!constant(i)) continue;
      auto text = unquote_go(raw(words[i]));
      if (!text.ok()) return std::move(text).error();
    }
  }
  if (name == "env") {
    for (const script::Word& word : words) {
      if (raw(word).starts_with('=')) return Error::usage("a variable without a name");
    }
  }
  if (name == "help") {
    for (size_t i = 0; i < words.size(); ++i) {
      std::string topic = raw(words[i]);
      if (!constant(i) || (i == 0 && topic == "-v") || find_command(topic) != nullptr) continue;
      return Error::usage(fmt::format("no command is called {}", text::quoted(topic)))
          .hint("`help` alone lists them");
    }
  }
  if (name == "exists") {
    size_t i = 0;
    while (i < words.size() && (raw(words[i]) == "-readonly" || raw(words[i]) == "-exec")) ++i;
    if (i == words.size()) return usage("[-readonly] [-exec] FILE...");
  }
  if (name == "stdout" || name == "stderr" || name == "ttyout" || name == "grep") {
    size_t i = 0;
    bool flags = true;
    for (; flags && i < words.size(); i += flags ? 1 : 0) {
      const std::string text = raw(words[i]);
      if (!is_constant(words[i])) return {};  // may be a flag, or none
      if (text.starts_with("-count=")) {
        uint64_t count = 0;
        auto [end, error] = std::from_chars(text.data() + 7, text.data() + text.size(), count);
        if (error != std::errc() || end != text.data() + text.size() || count == 0)
          return Error::usage(fmt::format("bad {}", text::printable(text)))
              .hint("a whole number, at least 1");
      } else {
        flags = text == "-q";
      }
    }
    const size_t wanted = name == "grep" ? 2 : 1;
    if (words.size() - i != wanted) {
      return usage(name == "grep" ? "[-count=N] [-q] PATTERN FILE" : "[-count=N] [-q] PATTERN")
          .hint("quote a pattern with blanks: 'a b'");
    }
  }
  return {};
}

/// What can be said of a `testctr` command whose words are all written out.
Status check_testctr(const script::Command& command) {
  std::vector<std::string> words;
  for (std::optional<std::string>& word : script::testctr_words(command)) {
    if (!word) return {};
    words.push_back(*std::move(word));
  }
  if (words.front() == "leave" || words.front() == "enter") {
    const size_t wanted = words.front() == "enter" ? 2 : 1;
    if (words.size() == wanted) return {};
    return Error::usage(
        fmt::format("testctr {} takes {}", words.front(), wanted == 2 ? "a container's name" : "no words"));
  }
  auto request = parse_request(words);
  if (!request.ok()) return std::move(request).error();
  return {};
}

Status check_command(const script::Command& command, const std::vector<std::string>& programs,
                     std::string_view& rule);

/// Whether a word of a `testctr` line takes what follows into another place, or may.
bool moves(const script::Command& command) {
  const auto words = script::testctr_words(command);
  if (words.empty() || !words.front()) return !words.empty();
  if (*words.front() == "enter" || *words.front() == "leave") return true;
  return *words.front() == "start" && std::any_of(words.begin(), words.end(), [](const auto& word) {
    return !word || *word == "--enter";
  });
}

/// `defer`, `retry` and `timeout`: their own words, and what they carry out.
Status check_inner(const script::Command& command, const std::vector<std::string>& programs,
                   std::string_view& rule) {
  const size_t own = *script::words_before_inner(command);
  if (command.name == "retry" && own == 0)
    return Error::usage("retry wants a limit").hint("usage: retry -timeout D COMMAND...");
  if (own > 0 && is_constant(command.arguments[own - 1])) {
    const std::string limit = raw(command.arguments[own - 1]);
    const auto duration = text::parse_duration(limit);
    if (!duration || *duration <= 0)
      return Error::usage(fmt::format("{} is not a duration", text::quoted(limit)))
          .hint("a number with a unit: 300ms, 1.5s, 2m");
  }
  const auto inner = TRY(script::inner_command(command));
  const CommandInfo* info = find_command(inner->name);
  if (info != nullptr && (!info->inner || (info->name == "testctr" && moves(*inner))))
    return Error::usage(fmt::format("{} cannot be carried out by {}", inner->name, command.name))
        .hint("it stands in a line of its own");
  return check_command(*inner, programs, rule);
}

/// @param rule set to the one that an error is of, where it is no matter of arguments
Status check_command(const script::Command& command, const std::vector<std::string>& programs,
                     std::string_view& rule) {
  const CommandInfo* info = find_command(command.name);
  if (info == nullptr) {
    if (std::find(programs.begin(), programs.end(), command.name) != programs.end()) return {};
    rule = "unknown-command";
    return unknown_command(command.name, programs);
  }
  if (command.exit_code && !info->status) {
    return Error::usage(fmt::format("`!{}`: {} has no exit status", *command.exit_code, command.name))
        .hint("it stands before exec and its like; `!` and a blank wants any failure");
  }
  auto usage = [&] {
    return fmt::format("usage: {}{}{}", info->name, info->usage.empty() ? "" : " ", info->usage);
  };
  size_t count = command.arguments.size();
  if (command.want != script::Want::success && !info->negatable) {
    return Error::usage(fmt::format("`!` and `?` have no meaning before {}", command.name));
  }
  if (command.background && !info->background) {
    return Error::usage(fmt::format("{} cannot be run in the background", command.name))
        .hint("a literal & is written in quotes: '&'");
  }
  bool any = info->most == 0;
  if (count < info->least || (!any && count > info->most)) {
    return Error::usage(fmt::format("{} takes {} arguments, not {}", command.name,
                                    any ? fmt::format("at least {}", info->least)
                                    : info->least == info->most
                                        ? fmt::format("{}", info->least)
                                        : fmt::format("{} to {}", info->least, info->most),
                                    count))
        .hint(usage());
  }
  if (info->run == nullptr) return check_inner(command, programs, rule);
  CHECK_OK(check_flags(command, *info));
  CHECK_OK(check_count_behind_flags(command, usage()));
  CHECK_OK(check_words(command));
  if (command.name == "testctr") CHECK_OK(check_testctr(command));
  rule = "bad-pattern";
  return info->pattern ? check_pattern(command) : Status();
}

/// `a` and `./a` are one file.
void add_doubled(const script::Script& script, std::vector<Finding>& findings) {
  std::map<std::string, uint32_t> lines;
  for (const script::File& file : script.files) {
    if (file.name.find('$') != std::string::npos) continue;
    auto name = normal_name(file.name, "/work");
    if (!name.ok()) continue;
    auto [known, fresh] = lines.emplace(std::move(name).value(), file.line);
    if (fresh) continue;
    findings.push_back(
        {script.name, file.line, 4, "duplicate-file",
         fmt::format("the file {} is in line {} already", text::quoted(known->first), known->second),
         "each file of a script has a name of its own"});
  }
}

}  // namespace

std::vector<Finding> errors_in(const script::Script& script, const std::vector<std::string>& programs,
                               const std::vector<std::string>& conditions) {
  std::map<std::string, bool> given;
  for (const std::string& name : conditions) given[name] = true;
  std::vector<Finding> findings;
  // The other dialects say what is wrong with a line when its turn comes.
  if (script.language != script::Language::testctr) return findings;
  const auto add = [&](const script::Command& command, uint32_t column, std::string_view rule,
                       const Error& error) {
    findings.push_back({script.name, command.line, column, rule, error.message(), error.hint()});
  };
  if (script.commands.empty())
    findings.push_back({script.name, 0, 0, "empty-script", "the script has no commands", ""});
  for (const script::Command& command : script.commands) {
    for (const script::Condition& condition : command.conditions) {
      Status known = check_condition(condition.text, given);
      if (!known.ok()) add(command, condition.column, "unknown-condition", known.error());
    }
    std::string_view rule = "arguments";
    Status known = check_command(command, programs, rule);
    if (!known.ok()) add(command, command.column, rule, known.error());
  }
  add_doubled(script, findings);
  return findings;
}

Status check(const script::Script& script, const std::vector<std::string>& programs,
             const std::map<std::string, bool>& conditions) {
  if (script.language != script::Language::testctr) return {};
  if (script.commands.empty())
    return Error::usage(fmt::format("{}: the script has no commands", script.name));
  std::vector<std::string> names;
  for (const auto& [name, is] : conditions) names.push_back(name);
  const std::vector<Finding> findings = errors_in(script, programs, names);
  if (findings.empty()) return {};
  if (findings.size() == 1) return as_error(findings.front());
  std::string all;
  for (size_t i = 0; i < findings.size() && i < told_at_most; ++i)
    all += (i == 0 ? "" : "\n") + as_error(findings[i]).full();
  if (findings.size() > told_at_most) all += fmt::format("\nand {} more", findings.size() - told_at_most);
  return Error::usage(std::move(all));
}

}  // namespace testctr::interpret
