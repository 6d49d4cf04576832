// Commands about the script itself: its directory, its variables, its end.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/conditions.h"
#include "interpret/pattern.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

Answer output(Session& session, std::string_view text) {
  Status kept = session.set_output(text);
  return kept.ok() ? Answer::done() : Answer::misuse(kept.error());
}

std::string joined(const Arguments& arguments) { return text::join(arguments, " "); }

}  // namespace

Answer run_cd(Session& session, const Arguments& arguments) {
  std::string path = clean_path(session.path(arguments.front()));
  std::string shown = text::printable(arguments.front());
  auto info = session.status_of(path);
  if (!info.ok()) {
    if (info.error().number() == ENOENT) return Answer::failed(fmt::format("{}: no such directory", shown));
    return Answer::failed(Session::describe(arguments.front(), info.error()));
  }
  if (!S_ISDIR(info.value().st_mode)) return Answer::failed(shown + ": not a directory");
  session.directory = path;
  session.variables.set_local("PWD", path);
  session.note(path);
  return Answer::done();
}

Answer run_echo(Session& session, const Arguments& arguments) {
  return output(session, joined(arguments) + "\n");
}

Answer run_env(Session& session, const Arguments& arguments) {
  std::span<const std::string> rest(arguments);
  bool quote = !rest.empty() && rest.front() == "-r";
  if (quote) rest = rest.subspan(1);
  std::string shown;
  for (const std::string& word : rest) {
    size_t equals = word.find('=');
    if (equals == std::string::npos) {
      shown += fmt::format("{}={}\n", word, session.lookup(word).value_or(""));
      continue;
    }
    std::string value = word.substr(equals + 1);
    Status set = session.variables.set(word.substr(0, equals), quote ? quote_meta(value) : value);
    if (!set.ok()) return Answer::misuse(set.error());
  }
  if (rest.empty()) {
    for (const std::string& line : session.variables.list()) shown += line + "\n";
  }
  // Setting alone leaves the last output as it is.
  return shown.empty() ? Answer::done() : output(session, shown);
}

Answer run_help(Session& session, const Arguments& arguments) {
  std::span<const std::string> names(arguments);
  bool verbose = !names.empty() && names.front() == "-v";
  if (verbose) names = names.subspan(1);
  std::string text;
  auto describe = [&](const CommandInfo& info) {
    text +=
        fmt::format("{}{}{}\n    {}\n", info.name, info.usage.empty() ? "" : " ", info.usage, info.summary);
    if (!verbose) return;
    if (!info.negatable) text += "    `!` and `?` have no meaning before it\n";
    if (info.pattern) text += "    unquoted variables in PATTERN match their values literally\n";
  };
  for (const std::string& name : names) {
    const CommandInfo* info = find_command(*session.rules, name);
    if (info == nullptr)
      return Answer::misuse(fmt::format("no command is called {}", text::quoted(name)),
                            "`help` alone lists them");
    describe(*info);
  }
  if (names.empty()) {
    text += "commands:\n\n";
    for (const CommandInfo& info : session.rules->commands) describe(info);
    text += "\nconditions:\n\n";
    for (const ConditionInfo& info : session.rules->conditions) {
      text +=
          fmt::format("[{}{}]\n    {}\n", info.name, info.name.ends_with(':') ? "VALUE" : "", info.summary);
    }
  }
  return output(session, text);
}

Answer run_skip(Session&, const Arguments& arguments) {
  Answer answer;
  answer.kind = Answer::Kind::skip;
  answer.text = joined(arguments);
  return answer;
}

Answer run_stop(Session&, const Arguments& arguments) {
  Answer answer;
  answer.kind = Answer::Kind::stop;
  answer.text = joined(arguments);
  return answer;
}

}  // namespace testctr::interpret
