// The dialect of rsc.io/script, which is also that of cmd/go from 1.20 on: every command reports errors, and
// `!` is content with any of them.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "interpret/go_commands.h"
#include "interpret/lookup.h"
#include "interpret/rsc_commands.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

const std::string* plain(const script::Word& word) {
  return word.size() == 1 && !word[0].quoted ? &word[0].text : nullptr;
}

/// Prefixes are words of one unquoted piece; a quoted word before the name is an argument.
script::Command resolve(Session&, const script::Command& line) {
  script::Command command = unresolved(line);
  if (!command.defect.empty()) return command;
  for (const script::Word& word : line.words) {
    const std::string* text = command.name.empty() ? plain(word) : nullptr;
    if (text == nullptr) {
      command.arguments.push_back(word);
      continue;
    }
    bool taken = false;
    command.defect = take_prefix(*text, command, taken);
    if (!taken) command.name = *text;
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

constexpr const char* with_value[] = {"GOARCH", "GOOS", "compiler", "exec", "GODEBUG", "buildmode"};

bool takes_value(std::string_view name) {
  return std::any_of(std::begin(with_value), std::end(with_value),
                     [&](std::string_view known) { return known == name; });
}

/// Whether a condition with a value holds. Errors (usage): the value is none
Result<bool> holds_for(Session& session, std::string_view name, std::string_view value) {
  if (name == "GOOS" || name == "GOARCH") {
    const auto known = system_condition(value);
    if (!known) return Error::usage(fmt::format("unrecognized {} {}", name, text::quoted(value)));
    return *known;
  }
  if (name == "compiler") {
    if (value != "gc" && value != "gccgo")
      return Error::usage(fmt::format("unrecognized compiler {}", text::quoted(value)));
    return value == "gc";
  }
  if (name != "exec") return go_condition(session, fmt::format("{}:{}", name, value)).value_or(false);
  const auto path = session.setting.environment.find("PATH");
  auto [known, fresh] = session.exec_conditions.emplace(std::string(value), false);
  if (fresh)
    known->second =
        find_program(value, path == session.setting.environment.end() ? "" : path->second, session.directory)
            .ok();
  return known->second;
}

std::optional<bool> holds_plainly(Session& session, std::string_view text) {
  if (text == "short") return session.setting.short_run;
  if (text == "verbose") return session.setting.verbose;
  if (text == "root") return ::geteuid() == 0;
  if (text == "net") return session.setting.network;
  if (text == "link" || text == "symlink") return true;
  const auto given = session.setting.conditions.find(std::string(text));
  if (given != session.setting.conditions.end()) return given->second;
  return go_condition(session, text);
}

Result<bool> condition_holds(Session& session, std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    if (takes_value(text))
      return Error::usage(fmt::format("condition {} requires a suffix", text::quoted(text)));
    if (const auto known = holds_plainly(session, text)) return *known;
    return Error::usage(fmt::format("unknown condition {}", text::quoted(text)));
  }
  const std::string_view name = text.substr(0, colon);
  if (takes_value(name)) return holds_for(session, name, text.substr(colon + 1));
  if (holds_plainly(session, name))
    return Error::usage(fmt::format("condition {} cannot be used with a suffix", text::quoted(name)));
  return Error::usage(fmt::format("unknown condition prefix {}", text::quoted(name)));
}

constexpr const char* prepared[] = {"TMPDIR"};

Status prepare(Session& session) {
  const std::string& work = session.setting.work;
  if (session.variables.get("TMPDIR").value_or("") != work + "/.tmp") return {};
  CHECK_OK(session.variables.set("TMPDIR", work + "/tmp"));
  return make_script_directories(session, work + "/tmp");
}

/// What still runs is interrupted: that is an error of every command but those behind `?`. All are told.
bool end_background(Session& session, bool judged) {
  constexpr uint64_t grace_ns = 5'000'000'000;
  std::vector<const Background*> running;
  for (const Background& background : session.background)
    if (background.job == nullptr || !background.job->status) running.push_back(&background);
  session.children->stop_jobs(grace_ns, SIGINT);
  if (!judged) return true;
  bool well = true;
  for (const Background& background : session.background) {
    Answer answer = Answer::done();
    if (std::find(running.begin(), running.end(), &background) != running.end()) {
      answer =
          Answer::misuse("context canceled", "it still ran at the end of the script; `wait` waits for it");
      answer.final = true;
      if (background.command->want == script::Want::either) continue;
    } else if (const int status = *background.job->status; status != 0) {
      answer = Answer::failed(describe_status(status));
    }
    well = judge(session, *background.command, background.shown, std::move(answer)) == Verdict::go_on && well;
  }
  return well;
}

std::string unknown(const Session&, const script::Command&) { return "unknown command"; }

}  // namespace

const Rules& rsc_rules() {
  static const Rules rules = [] {
    Rules them;
    them.language = script::Language::rsc;
    them.commands = rsc_commands();
    them.conditions = all_conditions();
    them.negation = Negation::of_errors;
    them.expansion = {.quoted = false, .demanded = false};
    them.resolve = resolve;
    them.holds = condition_holds;
    them.unknown = unknown;
    them.prepared = prepared;
    them.prepare = prepare;
    them.end_background = end_background;
    return them;
  }();
  return rules;
}

}  // namespace testctr::interpret
