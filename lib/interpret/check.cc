// What is wrong with a script can be said before it runs, and before a container is made for it.
#include <algorithm>

#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/interpreter.h"
#include "interpret/pattern.h"

namespace testctr::interpret {
namespace {

Error at(const script::Script& script, const script::Command& command, uint32_t column, const Error& error) {
  Error placed =
      Error::usage(fmt::format("{}:{}:{}: {}", script.name, command.line, column, error.message()));
  return error.hint().empty() ? placed : std::move(placed).hint(error.hint());
}

Error unknown_command(const std::string& name, const std::vector<std::string>& programs) {
  Error error = Error::usage(fmt::format("unknown command {}", text::quoted(name)));
  if (name == "testctr") return std::move(error).hint("the `testctr` command is not supported yet");
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

std::string raw(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) text += fragment.text;
  return text;
}

bool is_constant(const script::Word& word) {
  return std::all_of(word.begin(), word.end(), [](const script::Fragment& f) {
    return f.quoted || f.text.find('$') == std::string::npos;
  });
}

Status check_pattern(const script::Command& command) {
  size_t i = 0;
  while (i < command.arguments.size() &&
         (raw(command.arguments[i]).starts_with("-count=") || raw(command.arguments[i]) == "-q"))
    ++i;
  if (i == command.arguments.size() || !is_constant(command.arguments[i])) return {};
  auto pattern = Pattern::compile(raw(command.arguments[i]));
  if (!pattern.ok()) return std::move(pattern).error();
  return {};
}

Status check_command(const script::Command& command, const std::vector<std::string>& programs) {
  const CommandInfo* info = find_command(command.name);
  if (info == nullptr) {
    if (std::find(programs.begin(), programs.end(), command.name) != programs.end()) return {};
    return unknown_command(command.name, programs);
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
  bool any = info->most == 0 && info->name != "wait";
  if (count < info->least || (!any && count > info->most)) {
    return Error::usage(fmt::format("{} takes {} arguments, not {}", command.name,
                                    any ? fmt::format("at least {}", info->least)
                                    : info->least == info->most
                                        ? fmt::format("{}", info->least)
                                        : fmt::format("{} to {}", info->least, info->most),
                                    count))
        .hint(usage());
  }
  return info->pattern ? check_pattern(command) : Status();
}

}  // namespace

Status check(const script::Script& script, const std::vector<std::string>& programs) {
  for (const script::Command& command : script.commands) {
    for (const script::Condition& condition : command.conditions) {
      Status known = check_condition(condition.text);
      if (!known.ok()) return at(script, command, condition.column, known.error());
    }
    Status known = check_command(command, programs);
    if (!known.ok()) return at(script, command, command.column, known.error());
  }
  return {};
}

}  // namespace testctr::interpret
