#include "interpret/lint.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "interpret/lint_rules.h"

namespace testctr::interpret {
namespace {

using enum Severity;

// Sorted by id.
constexpr Rule rules[] = {
    {"arguments", error, "a command is given what it does not take"},
    {"bad-pattern", error, "a pattern is no regular expression"},
    {"cannot-fail", warning, "an assertion holds whatever happens"},
    {"compared-with-itself", warning, "a file is compared with itself"},
    {"document", error, "a document cannot be read"},
    {"duplicate-file", error, "two files of a script have one name"},
    {"empty-script", error, "a script has no commands"},
    {"impossible-pattern", warning, "a pattern can never match"},
    {"manifest", error, "a manifest cannot be understood"},
    {"missing-wait", warning, "nobody waits for a background command"},
    {"never-runs", warning, "conditions of a line exclude each other"},
    {"no-output", warning, "output is looked at that no command has produced"},
    {"shell-glob", warning, "file names with * are not expanded"},
    {"shell-home", warning, "~ is not expanded"},
    {"shell-operator", warning, "operators of the shell are ordinary words"},
    {"shell-quotes", warning, "double quotes are ordinary bytes"},
    {"shell-substitution", warning, "commands are not put in place of their output"},
    {"syntax", error, "a line cannot be read"},
    {"unknown-command", error, "there is no such command"},
    {"unknown-condition", error, "there is no such condition"},
    {"unknown-rule", warning, "check:ignore names a rule that does not exist"},
    {"unreachable", warning, "lines stand behind the end of the script"},
    {"unreadable", error, "a file cannot be read"},
    {"unused-file", warning, "nothing names a file of the script"},
};

/// What a comment leaves out.
struct Ignored {
  std::map<uint32_t, std::set<std::string, std::less<>>> lines;
  std::set<std::string, std::less<>> everywhere;

  [[nodiscard]] bool has(const Finding& finding) const {
    const auto line = lines.find(finding.line);
    return everywhere.contains(finding.rule) || (line != lines.end() && line->second.contains(finding.rule));
  }
};

/// Where the comment of a line begins.
size_t comment_of(std::string_view line) {
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\'') quoted = !quoted;
    if (line[i] == '#' && !quoted) return i;
  }
  return std::string_view::npos;
}

std::string_view comment_part(const script::Script& script) {
  size_t end = script.source.size();
  if (!script.files.empty()) {
    // The marker is the line above the first file's data.
    const size_t data = script.files.front().offset;
    const size_t before = data < 2 ? std::string::npos : script.source.rfind('\n', data - 2);
    end = before == std::string::npos ? 0 : before + 1;
  }
  return std::string_view(script.source).substr(0, end);
}

Ignored read_ignored(const script::Script& script, Findings& findings) {
  constexpr std::string_view key = "check:ignore";
  Ignored ignored;
  uint32_t number = 0;
  for (const std::string_view line : text::lines(comment_part(script))) {
    ++number;
    const size_t hash = comment_of(line);
    if (hash == std::string_view::npos) continue;
    std::string_view rest = text::trim(line.substr(hash + 1));
    if (!rest.starts_with(key)) continue;
    rest.remove_prefix(key.size());
    const bool alone = text::trim(line.substr(0, hash)).empty();
    std::string names(rest);
    std::replace(names.begin(), names.end(), ',', ' ');
    for (const std::string& part : text::split(names, ' ')) {
      const std::string name(text::trim(part));
      if (name.empty()) continue;
      const Rule* rule = find_rule(name);
      if (rule == nullptr || rule->severity == error) {
        findings.add("unknown-rule", number, hash,
                     fmt::format("{} is {}", text::quoted(name),
                                 rule == nullptr ? "no rule" : "an error, which nothing can leave out"),
                     "`testctr-script check --rules` lists the rules");
      } else if (alone) {
        ignored.everywhere.insert(name);
      } else {
        ignored.lines[number].insert(name);
      }
    }
  }
  return ignored;
}

/// Where the words of a line begin.
std::vector<size_t> offsets_of(std::string_view line) {
  std::vector<size_t> offsets;
  bool quoted = false, inside = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (!quoted && c == '#') break;
    const bool blank = !quoted && (c == ' ' || c == '\t' || c == '\r');
    if (!blank && !inside) offsets.push_back(i);
    inside = !blank;
    if (c == '\'') quoted = !quoted;
  }
  return offsets;
}

}  // namespace

std::span<const Rule> all_rules() { return rules; }

const Rule* find_rule(std::string_view id) {
  const auto* found =
      std::find_if(std::begin(rules), std::end(rules), [&](const Rule& rule) { return rule.id == id; });
  return found == std::end(rules) ? nullptr : found;
}

void Findings::add(std::string_view rule, uint32_t line, size_t column, std::string message,
                   std::string hint) {
  // The id as the table has it: it outlives all.
  all_.push_back({script_.name, line, static_cast<uint32_t>(column + 1), find_rule(rule)->id,
                  std::move(message), std::move(hint)});
}

void Findings::at_name(std::string_view rule, const script::Command& command, std::string message,
                       std::string hint) {
  add(rule, command.line, command.column - 1, std::move(message), std::move(hint));
}

void Findings::at_argument(std::string_view rule, const script::Command& command, size_t index,
                           std::string message, std::string hint) {
  const std::vector<size_t> offsets = offsets_of(command.text);
  const size_t behind = command.arguments.size() - index + (command.background ? 1 : 0);
  const size_t column = behind <= offsets.size() ? offsets[offsets.size() - behind] : command.column - 1;
  add(rule, command.line, column, std::move(message), std::move(hint));
}

std::string raw(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) text += fragment.text;
  return text;
}

std::optional<std::string> constant(const script::Word& word) {
  for (const script::Fragment& fragment : word) {
    if (!fragment.quoted && fragment.text.find('$') != std::string::npos) return std::nullopt;
  }
  return raw(word);
}

bool is_matcher(const script::Command& command) {
  return command.name == "stdout" || command.name == "stderr" || command.name == "grep";
}

std::optional<size_t> pattern_of(const script::Command& command, bool& counted) {
  counted = false;
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const auto word = constant(command.arguments[i]);
    if (!word) return std::nullopt;
    const bool count = word->starts_with("-count=");
    if (!count && *word != "-q") return i;
    counted = counted || count;
  }
  return std::nullopt;
}

std::vector<Finding> lint(const script::Script& script, const LintOptions& options) {
  if (script.commands.empty() || script.language != script::Language::testctr) return {};
  Findings findings(script);
  const Ignored ignored = read_ignored(script, findings);
  for (const script::Command& command : script.commands) {
    lint_words(command, findings);
    lint_pattern(command, findings);
  }
  lint_flow(script, options, findings);
  if (!options.several) lint_files(script, findings);
  std::vector<Finding> all = findings.take();
  // What one script leaves behind may be of use to the next.
  if (options.several)
    std::erase_if(all, [](const Finding& finding) { return finding.rule == "missing-wait"; });
  std::erase_if(all, [&](const Finding& finding) { return ignored.has(finding); });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace testctr::interpret
