// The dialect of rsc.io/script, which is also that of cmd/go from 1.20 on: every command reports errors, and
// `!` is content with any of them.
#include "base/text.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

const std::string* plain(const script::Word& word) {
  return word.size() == 1 && !word[0].quoted ? &word[0].text : nullptr;
}

/// Prefixes are words of one unquoted piece; a quoted word before the name is an argument.
script::Command resolve(Session&, const script::Command& line) {
  script::Command command;
  command.line = line.line;
  command.column = line.column;
  command.text = line.text;
  command.defect = line.defect;
  if (!command.defect.empty()) return command;
  for (const script::Word& word : line.words) {
    const std::string* text = command.name.empty() ? plain(word) : nullptr;
    if (text == nullptr) {
      command.arguments.push_back(word);
    } else if (*text == "!" || *text == "?") {
      if (command.want != script::Want::success) command.defect = "duplicated '!' or '?' token";
      command.want = *text == "!" ? script::Want::failure : script::Want::either;
    } else if (text->starts_with('[') && text->ends_with(']') && text->size() > 1) {
      script::Condition condition;
      std::string_view inner = text::trim(std::string_view(*text).substr(1, text->size() - 2));
      if (inner.starts_with('!')) {
        condition.negated = true;
        inner = text::trim(inner.substr(1));
      }
      condition.text = inner;
      if (inner.empty()) command.defect = "empty condition";
      command.conditions.push_back(std::move(condition));
    } else {
      command.name = *text;
    }
    if (!command.defect.empty()) break;
  }
  if (command.defect.empty() && command.name.empty()) command.defect = "missing command";
  if (!command.defect.empty()) {
    command.conditions.clear();
    return command;
  }
  if (const std::string* last = command.arguments.empty() ? nullptr : plain(command.arguments.back());
      last != nullptr && *last == "&") {
    command.arguments.pop_back();
    command.background = true;
  }
  return command;
}

Result<bool> condition_holds(Session& session, std::string_view text) {
  CHECK_OK(check_condition(text));
  return holds(session, text);
}

std::string unknown(const Session&, const script::Command&) { return "unknown command"; }

}  // namespace

const Rules& rsc_rules() {
  static const Rules rules = [] {
    Rules them;
    them.language = script::Language::rsc;
    them.commands = all_commands();
    them.conditions = all_conditions();
    them.negation = Negation::of_errors;
    them.expansion = {.quoted = false, .demanded = false};
    them.resolve = resolve;
    them.holds = condition_holds;
    them.unknown = unknown;
    return them;
  }();
  return rules;
}

}  // namespace testctr::interpret
