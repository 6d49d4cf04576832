#include "interpret/document_crossing.h"

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/lookup.h"

namespace testctr::interpret {
namespace {

constexpr const char* host = "host";
constexpr size_t named_at_most = 8;

bool lies_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

ShellVariable exported(std::string value) {
  ShellVariable variable;
  variable.attributes = "x";
  variable.values.emplace_back("", std::move(value));
  return variable;
}

bool is_exported(const ShellVariable& variable) {
  return variable.kind == ShellVariable::Kind::scalar && variable.attributes.find('x') != std::string::npos;
}

bool is_plain_number(const std::string& text) {
  const size_t sign = text.starts_with('-') ? 1 : 0;
  return text.size() > sign && text.find_first_not_of("0123456789", sign) == std::string::npos;
}

/// `variable` without what would have the shell do more than keep it: a name reference stands for another
/// variable, and a number is an expression.
std::optional<ShellVariable> harmless(ShellVariable variable) {
  if (variable.attributes.find('n') != std::string::npos) return std::nullopt;
  const bool number = std::all_of(variable.values.begin(), variable.values.end(),
                                  [](const auto& entry) { return is_plain_number(entry.second); });
  if (!number) std::erase(variable.attributes, 'i');
  return variable;
}

template <class Map>
void note_gone(const Map& before, const Map& now, const std::set<std::string>& gone_before,
               std::set<std::string>& gone) {
  for (const auto& [name, value] : before) gone.insert(name);
  gone.insert(gone_before.begin(), gone_before.end());
  for (const auto& [name, value] : now) gone.erase(name);
}

template <class Map>
void add(Map& to, const Map& from, const std::set<std::string>& gone) {
  for (const auto& [name, value] : from) to.insert_or_assign(name, value);
  for (const std::string& name : gone) to.erase(name);
}

}  // namespace

std::map<std::string, std::string> DocumentCrossing::environment(std::map<std::string, std::string> base,
                                                                 const State& state) const {
  const std::string path = base["PATH"];
  for (const auto& [name, value] : state.environment) {
    // What a place gives its documents is the place's own.
    if (name != "PATH" && name != "HOME" && is_place_variable(name)) continue;
    if (!value) {
      base.erase(name);
      continue;
    }
    std::string text = replace_token(*value, work_token, session_.setting.work);
    if (name == "PATH") text = replace_token(text, path_token, path);
    base[name] = std::move(text);
  }
  return base;
}

Status DocumentCrossing::enter(Shell& shell, bool fresh, const State& state) {
  const ShellState current = fresh ? ShellState{} : session_.shell.value_or(ShellState{});
  arrived_ = had_ = {};
  if (!state.shell.empty()) {
    arrived_ = TRY_IN(shell_state_from_bytes(state.shell), "what comes from the place before");
    put_in_path(arrived_, session_.setting.work);
  }
  ShellState wanted = arrived_;
  if (session_.setting.name == host && !state.shell.empty()) wanted = TRY(without_orders(shell, arrived_));
  // A script may have set variables since the last document.
  for (const auto& [name, value] : state.environment) {
    if (is_place_variable(name)) continue;
    if (value) {
      wanted.variables[name] = exported(replace_token(*value, work_token, session_.setting.work));
    } else {
      wanted.variables.erase(name);
      wanted.gone_variables.insert(name);
    }
  }
  if (!state.shell.empty() || (!fresh && !state.environment.empty())) {
    for (const std::string& note : TRY(shell.take_state(current, wanted))) session_.log(note);
  }
  had_ = current;
  add(had_.variables, wanted.variables, wanted.gone_variables);
  add(had_.functions, wanted.functions, wanted.gone_functions);
  add(had_.aliases, wanted.aliases, wanted.gone_aliases);
  if (state.directory.empty()) return {};
  return go_to(shell, replace_token(state.directory, work_token, session_.setting.work));
}

Status DocumentCrossing::go_to(Shell& shell, const std::string& directory) {
  Status gone = shell.change_directory(directory);
  if (!gone.ok() && gone.error().fault() == Fault::usage) {
    session_.log(gone.error().message());
    return {};
  }
  return gone;
}

// A container is hostile, and the host's shell carries out what it is told. So of what comes from there
// values are taken, as values, and functions from where the user wrote them.
Result<ShellState> DocumentCrossing::without_orders(Shell& shell, ShellState arriving) {
  const ShellState own = session_.shell.value_or(ShellState{});
  std::string words = named_;
  for (const std::string& expression : how_.definitions) words += "\n" + expression;
  ShellState taken = own;
  taken.bash = shell.kind() == ShellKind::bash;
  taken.arguments = arriving.arguments;
  std::vector<std::string> left;
  for (auto& [name, variable] : arriving.variables) {
    const auto known = own.variables.find(name);
    if (known != own.variables.end() && known->second == variable) continue;
    std::optional<ShellVariable> plain;
    if (!is_interpreted_variable(name) && stands_in(name, words)) plain = harmless(std::move(variable));
    if (plain) {
      taken.variables[name] = *std::move(plain);
    } else {
      left.push_back(name);
    }
  }
  log_names(
      "variables that the host does not take from a container (no case names them, or they mean something to "
      "a "
      "shell)",
      left);
  for (const std::string& name : arriving.gone_variables) {
    if (is_interpreted_variable(name) || !own.variables.contains(name)) continue;
    taken.variables.erase(name);
    taken.gone_variables.insert(name);
  }
  std::vector<std::string> about;
  for (const std::string& expression : how_.definitions) {
    const bool defines = expression.find("()") != std::string::npos || stands_in("function", expression) ||
                         expression.find("( )") != std::string::npos;
    if (defines) about.push_back(expression);
  }
  std::map<std::string, std::string> found;
  if (!about.empty()) {
    auto bash = find_program("bash", session_.lookup("PATH").value_or(""), session_.setting.work);
    if (bash.ok() && bash.value().starts_with('/')) {
      found = TRY(shell.functions_in(bash.value(), about));
    } else {
      session_.log("there is no bash on the host: functions that cases define elsewhere are not known here");
    }
  }
  take_functions(arriving, found, taken);
  return taken;
}

void DocumentCrossing::take_functions(const ShellState& arriving,
                                      const std::map<std::string, std::string>& found, ShellState& taken) {
  std::vector<std::string> left;
  for (const auto& [name, function] : arriving.functions) {
    const auto own = taken.functions.find(name);
    if (own != taken.functions.end() && own->second.text == function.text) continue;
    if (const auto defined = found.find(name); defined != found.end()) {
      taken.functions[name] = {defined->second, ""};
    } else if (own == taken.functions.end()) {
      left.push_back(name);
    }
  }
  log_names(
      "functions of a container that the host does not take (it takes those that a case defines at its top "
      "level)",
      left);
  for (const std::string& name : arriving.gone_functions) {
    if (taken.functions.erase(name) != 0) taken.gone_functions.insert(name);
  }
}

void DocumentCrossing::log_names(const std::string& what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string line = what + ": ";
  for (size_t i = 0; i < names.size() && i < named_at_most; ++i)
    line += (i == 0 ? "" : ", ") + text::printable(names[i]);
  if (names.size() > named_at_most) line += fmt::format(" and {} more", names.size() - named_at_most);
  session_.log(line);
}

Status DocumentCrossing::leave(Shell& shell, const script::Variables& pending, State& state) {
  ShellState now = TRY(shell.state());
  for (const auto& [name, value] : pending) {
    if (is_place_variable(name) || !is_shell_name(name)) continue;
    now.variables[name].values = {{"", value}};
  }
  session_.shell = now;
  const std::string& work = session_.setting.work;
  state.directory.clear();
  if (lies_below(now.directory, work)) {
    state.directory = replace_path(now.directory, work, work_token);
  } else {
    session_.log(fmt::format("the working directory {} is left behind: the next place goes on in its own",
                             text::printable(now.directory)));
  }
  set_environment(now, state);
  ShellState crossing = now;
  note_gone(had_.variables, now.variables, arrived_.gone_variables, crossing.gone_variables);
  if (now.bash) note_gone(had_.functions, now.functions, arrived_.gone_functions, crossing.gone_functions);
  note_gone(had_.aliases, now.aliases, arrived_.gone_aliases, crossing.gone_aliases);
  if (!now.bash && arrived_.bash) {
    // What this shell cannot hold goes past it.
    crossing.bash = true;
    crossing.functions = arrived_.functions;
    crossing.options = arrived_.options;
    for (const auto& [name, variable] : arrived_.variables) {
      if (variable.kind == ShellVariable::Kind::scalar) continue;
      crossing.variables.try_emplace(name, variable);
      crossing.gone_variables.erase(name);
    }
  } else if (!now.bash) {
    session_.log("this shell cannot write its functions down: they stay behind (bash can)");
  }
  // What the place gave and nobody changed is not of the document.
  std::erase_if(crossing.variables, [&](const auto& entry) {
    const auto& base = session_.setting.environment;
    const auto given = base.find(entry.first);
    return given != base.end() && is_exported(entry.second) &&
           entry.second.values.front().second == given->second && !arrived_.variables.contains(entry.first);
  });
  take_out_path(crossing, work);
  state.shell = TRY(shell_state_to_bytes(crossing));
  return {};
}

void DocumentCrossing::set_environment(const ShellState& now, State& state) const {
  const auto& base = session_.setting.environment;
  std::erase_if(state.environment, [](const auto& entry) { return !is_place_variable(entry.first); });
  for (const auto& [name, variable] : now.variables) {
    if (!is_exported(variable)) continue;
    const std::string& value = variable.values.front().second;
    const auto given = base.find(name);
    if (given != base.end() && given->second == value) continue;
    state.environment[name] = replace_path(value, session_.setting.work, work_token);
  }
  for (const auto& [name, value] : base) {
    if (is_place_variable(name)) continue;
    const auto still = now.variables.find(name);
    if (still == now.variables.end() || !is_exported(still->second)) state.environment[name] = std::nullopt;
  }
}

}  // namespace testctr::interpret
