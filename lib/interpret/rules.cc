#include "interpret/rules.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::interpret {

const Rules& rules_of(script::Language language) {
  switch (language) {
    case script::Language::rsc:
      return rsc_rules();
    case script::Language::testscript:
      return testscript_rules();
    case script::Language::cmdgo:
      return cmdgo_rules();
    case script::Language::testctr:
      break;
  }
  return testctr_rules();
}

script::Command unresolved(const script::Command& line) {
  script::Command command;
  command.line = line.line;
  command.column = line.column;
  command.text = line.text;
  command.defect = line.defect;
  return command;
}

std::string take_prefix(const std::string& word, script::Command& command, bool& taken) {
  taken = true;
  if (word == "!" || word == "?") {
    if (command.want != script::Want::success) return "duplicated '!' or '?' token";
    command.want = word == "!" ? script::Want::failure : script::Want::either;
    return {};
  }
  if (word.starts_with('[') && word.ends_with(']') && word.size() > 1) {
    script::Condition condition;
    std::string_view text = text::trim(std::string_view(word).substr(1, word.size() - 2));
    if (text.starts_with('!')) {
      condition.negated = true;
      text = text::trim(text.substr(1));
    }
    condition.text = text;
    if (text.empty() && command.name.empty()) return "empty condition";
    command.conditions.push_back(std::move(condition));
    return {};
  }
  taken = false;
  return {};
}

std::span<const char* const> prepared_variables(script::Language language) {
  return rules_of(language).prepared;
}

const CommandInfo* find_command(const Rules& rules, std::string_view name) {
  const auto it =
      std::lower_bound(rules.commands.begin(), rules.commands.end(), name,
                       [](const CommandInfo& info, std::string_view wanted) { return info.name < wanted; });
  return it != rules.commands.end() && it->name == name ? &*it : nullptr;
}

const Rules& testctr_rules() {
  static const Rules rules = [] {
    Rules ours;
    ours.commands = all_commands();
    ours.conditions = all_conditions();
    ours.holds = [](Session& session, std::string_view text) -> Result<bool> { return holds(session, text); };
    return ours;
  }();
  return rules;
}

}  // namespace testctr::interpret
