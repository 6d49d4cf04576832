#include "interpret/typed_line.h"

#include <algorithm>

#include "base/text.h"
#include "interpret/call.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

constexpr const char* shown_name = "typed";

/// A message of the parser, without the place: there is one line.
std::string without_place(std::string message) {
  if (!message.starts_with(shown_name)) return message;
  const size_t end = message.find(": ");
  return end == std::string::npos ? message : message.substr(end + 2);
}

/// Whether a line is that command, or may be: in a dialect that tells its words apart late.
bool may_be(const script::Command& command, std::string_view name) {
  const auto is = [&](const script::Word& word) {
    return word.size() == 1 && !word.front().quoted && word.front().text == name;
  };
  return command.name == name || std::any_of(command.words.begin(), command.words.end(), is) ||
         (script::words_before_inner(command) &&
          std::any_of(command.arguments.begin(), command.arguments.end(), is));
}

}  // namespace

std::string TypedLine::carry_out(const std::string& text, script::Language language) {
  auto parsed = script::parse(shown_name, text + "\n", language);
  if (!parsed.ok()) return without_place(parsed.error().full());
  if (!parsed.value().sections.empty() || !parsed.value().files.empty())
    return "sections and files have their place in the script: here it stands still";
  if (parsed.value().commands.empty()) return "";
  if (Status known = check(parsed.value(), session_.setting.programs, session_.setting.conditions);
      !known.ok())
    return without_place(known.error().full());
  kept_.scripts.push_back(std::move(parsed).value());
  script::Command& command = kept_.scripts.back().commands.front();
  // What it asks the outside for, that decides by the test's files.
  if (may_be(command, "testctr"))
    return "`testctr` is not carried out here: what a test may ask for is what its own files say";
  if (may_be(command, "defer")) return "`defer` is not carried out here: it would count at the test's end";
  command.line = line_;
  std::set<const script::Command*> before;
  for (const Background& background : session_.background) before.insert(background.command);
  const std::string said = judge(carry_out_(command));
  discount(before);
  return said;
}

std::string TypedLine::judge(Verdict verdict) {
  switch (verdict) {
    case Verdict::go_on:
      return "[it held]";
    case Verdict::failed:
      return "[it did not hold; that counts for nothing]";
    case Verdict::stop:
    case Verdict::skip:
      return "[the script would end here: `quit` ends the test]";
    case Verdict::cancelled:
      break;
  }
  return "[cut short]";
}

/// How what was put into the background ends is no affair of the test.
void TypedLine::discount(const std::set<const script::Command*>& before) {
  for (Background& background : session_.background) {
    if (before.contains(background.command)) continue;
    kept_.commands.push_back(*background.command);
    kept_.commands.back().want = script::Want::either;
    kept_.commands.back().exit_code.reset();
    background.command = &kept_.commands.back();
  }
}

bool is_unknown_command(const Session& session, const std::string& word) {
  if (word.empty() || word.find_first_of("[]!?$'\"#") != std::string::npos) return false;
  const std::vector<std::string> names = command_names(session);
  return std::find(names.begin(), names.end(), word) == names.end();
}

std::vector<std::string> command_names(const Session& session) {
  std::vector<std::string> names;
  for (const CommandInfo& info : session.rules->commands) names.emplace_back(info.name);
  names.insert(names.end(), session.setting.programs.begin(), session.setting.programs.end());
  return names;
}

}  // namespace testctr::interpret
