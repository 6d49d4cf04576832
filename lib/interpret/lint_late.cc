// Mistakes in scripts of dialects that tell a line's words apart late: what can be seen of them before. A
// word with a variable in it can be anything.
#include <algorithm>

#include "base/text.h"
#include "interpret/lint.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

using script::Language;

/// A word's text; nothing where only the place knows it.
std::optional<std::string> constant(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) {
    if (!fragment.quoted && fragment.text.find('$') != std::string::npos) return std::nullopt;
    text += fragment.text;
  }
  return text;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

bool of_the_toolchain(std::string_view text) {
  return text.starts_with("GODEBUG:") || text.starts_with("buildmode:") ||
         is_one_of(text, {"cgo", "msan", "asan", "race", "fuzz", "fuzz-instrumented", "case-sensitive",
                          "cgolinkext", "trimpath", "mismatched-goroot"});
}

bool is_condition(Language language, std::string_view text) {
  if (is_one_of(text, {"short", "net", "link", "symlink"}) || text.starts_with("exec:")) return true;
  if (language == Language::rsc) {
    if (is_one_of(text, {"verbose", "root", "compiler:gc", "compiler:gccgo"}) || of_the_toolchain(text))
      return true;
    for (const std::string_view name : {"GOOS:", "GOARCH:"})
      if (text.starts_with(name)) return system_condition(text.substr(name.size())).has_value();
    return false;
  }
  if (is_one_of(text, {"gc", "gccgo"}) || system_condition(text)) return true;
  if (language == Language::cmdgo) return text == "root" || of_the_toolchain(text);
  return text == "unix" ||
         (text.starts_with("go1.") && text.find_first_not_of("0123456789", 4) == std::string_view::npos);
}

/// What a line's words are looked through for.
class Line {
 public:
  Line(const script::Script& script, const script::Command& command, const LintOptions& options,
       std::vector<Finding>& findings)
      : script_(script), command_(command), options_(options), findings_(findings) {}

  void check() {
    if (!command_.defect.empty()) return add("syntax", command_.defect, "");
    for (const script::Word& word : command_.words) {
      const bool quoted = word.size() != 1 || word[0].quoted;
      // In rsc's a quoted word before the name is an argument.
      if (script_.language == Language::rsc && quoted) continue;
      const auto text = constant(word);
      if (!text && script_.language != Language::rsc) return;
      if (!take(text ? *text : word[0].text)) return;
    }
    add("syntax", "missing command", "a condition, `!` or `?` stands before a command on the same line");
  }

 private:
  /// @return whether it was a prefix
  bool take(const std::string& word) {
    if (word == "!" || (word == "?" && script_.language != Language::testscript)) return true;
    if (word.size() > 1 && word.starts_with('[') && word.ends_with(']')) {
      std::string_view text = text::trim(std::string_view(word).substr(1, word.size() - 2));
      if (text.starts_with('!')) text = text::trim(text.substr(1));
      const bool given = std::find(options_.conditions.begin(), options_.conditions.end(), text) !=
                         options_.conditions.end();
      if (!given && !is_condition(script_.language, text))
        add("unknown-condition", fmt::format("unknown condition [{}]", text::printable(text)),
            "a suite's own are given by --cond NAME=true");
      return true;
    }
    const bool program =
        std::find(options_.programs.begin(), options_.programs.end(), word) != options_.programs.end();
    if (!program && find_command(rules_of(script_.language), word) == nullptr)
      add("unknown-command", fmt::format("unknown command {}", text::quoted(word)),
          "a program of the image is a command by --command NAME");
    return false;
  }

  void add(std::string_view rule, std::string message, std::string hint) {
    findings_.push_back({script_.name, command_.line, 1, rule, std::move(message), std::move(hint)});
  }

  const script::Script& script_;
  const script::Command& command_;
  const LintOptions& options_;
  std::vector<Finding>& findings_;
};

}  // namespace

std::vector<Finding> late_errors_in(const script::Script& script, const LintOptions& options) {
  std::vector<Finding> findings;
  if (script.language == Language::testctr) return findings;
  for (const script::Command& command : script.commands) Line(script, command, options, findings).check();
  return findings;
}

}  // namespace testctr::interpret
