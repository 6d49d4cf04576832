// Lines and conditions of the two dialects.
#include "interpret/go_family.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "interpret/lookup.h"
#include "interpret/pattern.h"

namespace testctr::interpret::go_family {
namespace {

bool matches_a_pattern(std::string_view name) {
  return name == "grep" || name == "stdout" || name == "stderr";
}

/// The prefixes of cmd/go, and the name. @return the index of the first argument
size_t begin_cmdgo(const std::vector<std::string>& words, script::Command& command) {
  size_t next = 0;
  for (bool taken = true; next < words.size(); ++next) {
    command.defect = take_prefix(words[next], command, taken);
    if (!command.defect.empty()) {
      command.conditions.clear();
      return words.size();
    }
    if (!taken) break;
  }
  if (next < words.size()) {
    command.name = words[next];
    return next + 1;
  }
  command.defect = "missing command";
  command.conditions.clear();
  return next;
}

/// The prefixes of testscript: conditions, then one `!`; what is missing is said when the conditions before
/// it hold.
size_t begin_testscript(const std::vector<std::string>& words, script::Command& command) {
  size_t next = 0;
  while (words[next].starts_with('[') && words[next].ends_with(']') && words[next].size() > 1) {
    if (next + 1 == words.size()) {
      command.defect = "missing command after condition";
      return words.size();
    }
    bool taken = false;
    script::Command one;
    one.name = "any";  // an empty condition is an unknown one here
    (void)take_prefix(words[next], one, taken);
    command.conditions.push_back(std::move(one.conditions.front()));
    ++next;
  }
  if (words[next] == "!") {
    command.want = script::Want::failure;
    if (++next == words.size()) {
      command.defect = "! on line by itself";
      return next;
    }
  }
  command.name = words[next];
  return next + 1;
}

/// `&` or `&name&` of testscript. @return the name, nothing when it is an argument
std::optional<std::string> background_name(std::string_view word) {
  if (word == "&") return std::string();
  if (word.size() < 3 || word.front() != '&' || word.back() != '&') return std::nullopt;
  const std::string_view name = word.substr(1, word.size() - 2);
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_') return std::nullopt;
  }
  return std::string(name);
}

/// Takes what says that the command runs in the background off its end.
void take_background(const Session& session, script::Command& command, std::vector<std::string>& arguments) {
  if (arguments.empty()) return;
  if (is_cmdgo(session)) {
    const bool may = command.name == "exec" || command.name == "go" || command.name == "cc";
    if (!may || arguments.back() != "&") return;
  } else {
    const auto& programs = session.setting.programs;
    if (command.name != "exec" && std::find(programs.begin(), programs.end(), command.name) == programs.end())
      return;
    const auto name = background_name(arguments.back());
    if (!name) return;
    command.background_name = *name;
  }
  command.background = true;
  arguments.pop_back();
}

/// All words of a line with their variables put in. In cmd/go those of a pattern are quoted for it.
Result<std::vector<std::string>> expanded(Session& session, const script::Command& line) {
  const Lookup plain = [&](std::string_view name) { return session.lookup(name); };
  // What is searched has $WORK in place of the directory's name.
  const Lookup masked = [&](std::string_view name) -> std::optional<std::string> {
    auto value = session.lookup(name);
    if (value) value = with_work_masked(session, *value);
    return value;
  };
  const bool quotes = is_cmdgo(session);
  Expansion known = session.rules->expansion;
  known.strict = session.setting.strict_env;
  std::vector<std::string> words;
  bool named = false, pattern = false;
  script::Command ignored;
  for (const script::Word& word : line.words) {
    words.push_back(TRY(expand(word, pattern ? masked : plain, pattern, known)));
    if (!quotes) continue;
    const std::string& text = words.back();
    if (named) {
      if (!text.starts_with('-')) pattern = false;
      continue;
    }
    bool prefix = false;
    (void)take_prefix(text, ignored, prefix);
    if (prefix) continue;
    named = true;
    pattern = matches_a_pattern(text);
  }
  return words;
}

}  // namespace

bool is_cmdgo(const Session& session) { return session.rules->language == script::Language::cmdgo; }

std::string with_work_masked(const Session& session, std::string_view text) {
  const std::string& work = session.setting.work;
  const auto in_name = [](char c) {
    return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(work); at != std::string_view::npos; at = text.find(work, at + work.size())) {
    const size_t end = at + work.size();
    if (end < text.size() && in_name(text[end])) continue;
    out += text.substr(done, at - done);
    out += "$WORK";
    done = end;
  }
  return out + std::string(text.substr(done));
}

std::string absolute(const Session& session, const std::string& name) {
  return name.starts_with('/') ? name : clean_path(session.path(name));
}

Answer fatal(std::string reason, std::string hint) {
  return Answer::misuse(std::move(reason), std::move(hint));
}

std::string go_error(std::string_view operation, const std::string& path, int number) {
  const char* words = strerrordesc_np(number);
  std::string said = words != nullptr ? words : fmt::format("errno {}", number);
  if (said[0] >= 'A' && said[0] <= 'Z') said[0] = static_cast<char>(said[0] - 'A' + 'a');
  return fmt::format("{} {}: {}", operation, text::printable(path), said);
}

Answer fatal_on(std::string_view operation, const std::string& path, const Error& error) {
  if (error.number() == 0) return Answer::misuse(error);
  if (error.number() == EXDEV && operation != "rename") return fatal(Session::describe(path, error));
  return fatal(go_error(operation, path, error.number()));
}

Result<OutputBuffer> read_whole(const Session& session, const std::string& name) {
  auto content = session.load(name);
  if (content.ok()) return content;
  const auto info = session.status_of(name);
  const std::string path = absolute(session, name);
  if (info.ok() && S_ISDIR(info.value().st_mode)) return Error::usage(go_error("read", path, EISDIR));
  if (!info.ok() && info.error().number() != 0 && info.error().number() != EXDEV)
    return Error::usage(go_error("open", path, info.error().number()));
  return content;
}

std::string_view sign_of(script::Want want) {
  switch (want) {
    case script::Want::failure:
      return "!";
    case script::Want::either:
      return "?";
    case script::Want::success:
      break;
  }
  return "";
}

std::optional<Answer> unless_alone(const Session& session, std::string_view name) {
  const script::Want want = session.command->want;
  if (want == script::Want::success) return std::nullopt;
  return fatal(fmt::format("unsupported: {} {}", sign_of(want), name));
}

script::Command resolve(Session& session, const script::Command& line) {
  script::Command command = unresolved(line);
  if (!command.defect.empty()) return command;
  auto words = expanded(session, line);
  if (!words.ok()) {
    command.defect = words.error().message();
    return command;
  }
  const size_t first =
      is_cmdgo(session) ? begin_cmdgo(words.value(), command) : begin_testscript(words.value(), command);
  if (!command.defect.empty()) return command;
  std::vector<std::string> arguments(words.value().begin() + static_cast<ptrdiff_t>(first),
                                     words.value().end());
  take_background(session, command, arguments);
  for (std::string& argument : arguments)
    command.arguments.push_back({{std::move(argument), /* quoted= */ true}});
  return command;
}

std::optional<bool> common_condition(Session& session, std::string_view text) {
  if (text == "short") return session.setting.short_run;
  if (text == "net") return session.setting.network;
  if (text == "link" || text == "symlink" || text == "gc") return true;
  if (text == "gccgo") return false;
  if (text.starts_with("exec:")) {
    // Looked up once for each name, as both do; cmd/go with the PATH of the process, testscript with the
    // script's.
    const auto& base = session.setting.environment;
    const auto from = base.find("PATH");
    const std::string path = is_cmdgo(session) ? (from == base.end() ? "" : from->second)
                                               : session.variables.get("PATH").value_or("");
    auto [known, fresh] = session.exec_conditions.emplace(std::string(text), false);
    if (fresh) known->second = find_program(text.substr(5), path, session.directory).ok();
    return known->second;
  }
  if (const auto given = session.setting.conditions.find(std::string(text));
      given != session.setting.conditions.end())
    return given->second;
  return system_condition(text);
}

}  // namespace testctr::interpret::go_family
