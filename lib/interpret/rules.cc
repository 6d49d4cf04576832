#include "interpret/rules.h"

#include <algorithm>

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
