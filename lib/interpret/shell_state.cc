// Shell state: read from a shell, written down, read back by who does not trust it, and told to another
// shell.
#include "interpret/shell_state.h"

#include <algorithm>

#include "base/text.h"
#include "interpret/state.h"
#include "interpret/variables.h"

namespace testctr::interpret {
namespace {

constexpr std::string_view known_attributes = "cilnrtux";
constexpr size_t longest_name = 256;
constexpr size_t most_entries = 100'000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 20 && std::all_of(text.begin(), text.end(), is_digit);
}

/// What a function or an alias may be called: nothing that would end the word when it is written.
bool is_command_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view(".:+-@%,!?^~]/").find(c) != std::string_view::npos;
  });
}

/// "set -o NAME", "set +o NAME", "shopt -s NAME", "shopt -u NAME"
bool is_option(std::string_view line) {
  bool known = false;
  for (std::string_view start : {"set -o ", "set +o ", "shopt -s ", "shopt -u "}) {
    if (!line.starts_with(start)) continue;
    line.remove_prefix(start.size());
    known = true;
    break;
  }
  return known && !line.empty() && line.size() < 64 && std::all_of(line.begin(), line.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

bool is_umask(std::string_view text) {
  return text.size() <= 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

bool are_attributes(std::string_view text, std::string_view known) {
  return text.size() <= known.size() && std::all_of(text.begin(), text.end(), [&](char c) {
           return known.find(c) != std::string_view::npos;
         });
}

/// "declare -axr" without what says the kind.
std::string attributes_of(std::string_view flags, std::string_view known) {
  std::string kept;
  for (char c : flags) {
    if (known.find(c) != std::string_view::npos && kept.find(c) == std::string::npos) kept += c;
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

/// Takes NUL-ended fields.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool over() const { return rest_.empty(); }
  Result<std::string> next() {
    const size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return Error::infrastructure("the shell's state ends in the middle");
    std::string field(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return field;
  }
  Result<size_t> count() {
    const std::string text = TRY(next());
    if (!is_number(text) || text.size() > 7) return Error::infrastructure("the shell's state has no number");
    return static_cast<size_t>(std::stoul(text));
  }

 private:
  std::string_view rest_;
};

Status read_variable(Fields& fields, bool array, ShellState& state) {
  const std::string flags = TRY(fields.next());
  const std::string name = TRY(fields.next());
  ShellVariable variable;
  variable.attributes = attributes_of(flags, known_attributes);
  if (!array) {
    variable.values.emplace_back("", TRY(fields.next()));
  } else {
    const bool associative = flags.find('A') != std::string::npos;
    variable.kind = associative ? ShellVariable::Kind::associative : ShellVariable::Kind::indexed;
    for (size_t left = TRY(fields.count()); left != 0; --left) {
      std::string key = TRY(fields.next());
      variable.values.emplace_back(std::move(key), TRY(fields.next()));
    }
    std::sort(variable.values.begin(), variable.values.end());
  }
  if (is_shell_name(name)) state.variables[name] = std::move(variable);
  return {};
}

// ---- what a POSIX shell prints

/// Takes a word as shells quote it for themselves: '...', "...", \c and plain bytes, up to a line end.
std::string take_word(std::string_view& text) {
  std::string word;
  while (!text.empty() && text.front() != '\n') {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '\'') {
      const size_t end = std::min(text.find('\''), text.size());
      word += text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
    } else if (c == '"') {
      while (!text.empty() && text.front() != '"') {
        if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
        word += text.front();
        text.remove_prefix(1);
      }
      if (!text.empty()) text.remove_prefix(1);
    } else if (c == '\\' && !text.empty()) {
      word += text.front();
      text.remove_prefix(1);
    } else {
      word += c;
    }
  }
  if (!text.empty()) text.remove_prefix(1);
  return word;
}

// ---- for a shell

std::string quoted(const std::string& text) { return text::shell_quoted(text); }

std::string declaration(const std::string& name, const ShellVariable& variable) {
  if (variable.kind == ShellVariable::Kind::scalar) {
    const std::string flags = variable.attributes.empty() ? "--" : "-" + variable.attributes;
    return fmt::format("\\builtin declare {} {}={}\n", flags, name, quoted(variable.values.front().second));
  }
  // A quoted `declare` takes no list: it is assigned by itself, before it is fixed.
  std::string flags = variable.kind == ShellVariable::Kind::indexed ? "-a" : "-A";
  for (char flag : variable.attributes) {
    if (flag != 'r') flags += flag;
  }
  std::string lines = fmt::format("\\builtin declare {} {}\n{}=(", flags, name, name);
  for (const auto& [key, value] : variable.values)
    lines += fmt::format("[{}]={} ", quoted(key), quoted(value));
  lines += ")\n";
  if (variable.attributes.find('r') != std::string::npos) lines += "\\builtin declare -r " + name + "\n";
  return lines;
}

void load_variables(const ShellState& current, const ShellState& wanted, bool bash, std::string& text,
                    std::vector<std::string>& notes) {
  std::string arrays;
  for (const auto& [name, variable] : wanted.variables) {
    const auto known = current.variables.find(name);
    if (known != current.variables.end()) {
      if (known->second == variable) continue;
      if (known->second.attributes.find('r') != std::string::npos) continue;
      text += fmt::format("\\unset {} {}\n",
                          known->second.attributes.find('n') != std::string::npos ? "-n" : "-v", name);
    }
    if (bash) {
      text += declaration(name, variable);
      continue;
    }
    if (variable.kind != ShellVariable::Kind::scalar) {
      arrays += (arrays.empty() ? "" : ", ") + name;
      continue;
    }
    text += fmt::format("{}={}\n", name, quoted(variable.values.front().second));
    if (variable.attributes.find('x') != std::string::npos) text += "\\export " + name + "\n";
  }
  for (const std::string& name : wanted.gone_variables) {
    const auto known = current.variables.find(name);
    const bool fixed =
        known != current.variables.end() && known->second.attributes.find('r') != std::string::npos;
    if (!fixed) text += "\\unset -v " + name + "\n";
  }
  if (!arrays.empty())
    notes.push_back("arrays are for bash alone and are not carried over to this shell: " + arrays);
}

void load_functions(const ShellState& current, const ShellState& wanted, bool bash, std::string& text) {
  for (const auto& [name, function] : wanted.functions) {
    const auto known = current.functions.find(name);
    if (known != current.functions.end() && known->second == function) continue;
    if (bash) {
      // So that one that cannot be read keeps nobody else from being read.
      text += fmt::format("\\builtin eval {}\n", quoted(function.text));
      for (char attribute : function.attributes)
        text += fmt::format("\\builtin declare -f{} {}\n", attribute, name);
    } else {
      // What only bash understands would end this shell.
      text += fmt::format(
          "if (\\eval {0}) >/dev/null 2>&1; then \\eval {0}; else __testctr_lost=\"${{__testctr_lost-}} "
          "{1}\"; fi\n",
          quoted(function.text), name);
    }
  }
  for (const std::string& name : wanted.gone_functions) text += fmt::format("\\unset -f {}\n", quoted(name));
}

void load_aliases(const ShellState& current, const ShellState& wanted, std::string& text) {
  for (const auto& [name, value] : wanted.aliases) {
    const auto known = current.aliases.find(name);
    if (known == current.aliases.end() || known->second != value)
      text += fmt::format("\\alias {}\n", quoted(name + "=" + value));
  }
  for (const std::string& name : wanted.gone_aliases) text += fmt::format("\\unalias {}\n", quoted(name));
}

}  // namespace

bool is_shell_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_place_variable(std::string_view name) {
  constexpr std::string_view names[] = {"WORK",         "TREE",       "TMPDIR",   "TEMPDIR",
                                        "TMP",          "TEMP",       "TESTDIR",  "TESTFILE",
                                        "TESTSHELL",    "CRAMTMP",    "SHELL",    "PATH",
                                        "HOME",         "USER",       "LOGNAME",  "PWD",
                                        "OLDPWD",       "HOSTNAME",   "HOSTTYPE", "MACHTYPE",
                                        "OSTYPE",       "SCRUT_TEST", "SHLVL",    "SHELLOPTS",
                                        "PPID",         "UID",        "EUID",     "GROUPS",
                                        "DIRSTACK",     "PIPESTATUS", "LINENO",   "RANDOM",
                                        "SECONDS",      "SRANDOM",    "HISTCMD",  "EPOCHREALTIME",
                                        "EPOCHSECONDS", "FUNCNAME",   "COPROC",   "COMP_WORDBREAKS",
                                        "OPTIND",       "_",          "OPTERR",   "TERM",
                                        "IFS"};
  if (name.starts_with("BASH") || name.starts_with("__testctr_") || name.starts_with("TESTCTR_")) return true;
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_interpreted_variable(std::string_view name) {
  constexpr std::string_view names[] = {"ENV",
                                        "PROMPT_COMMAND",
                                        "GLOBIGNORE",
                                        "CDPATH",
                                        "EXECIGNORE",
                                        "FIGNORE",
                                        "FCEDIT",
                                        "EDITOR",
                                        "VISUAL",
                                        "MAIL",
                                        "MAILPATH",
                                        "MAILCHECK",
                                        "INPUTRC",
                                        "HISTFILE",
                                        "TMOUT",
                                        "POSIXLY_CORRECT",
                                        "LOCPATH",
                                        "NLSPATH",
                                        "GCONV_PATH",
                                        "GETCONF_DIR",
                                        "MALLOC_TRACE",
                                        "HOSTALIASES",
                                        "LOCALDOMAIN",
                                        "RES_OPTIONS",
                                        "RESOLV_HOST_CONF",
                                        "TZDIR",
                                        "NIS_PATH",
                                        "GLIBC_TUNABLES",
                                        "READLINE_LINE",
                                        "FPATH",
                                        "TIMEFORMAT",
                                        "auto_resume",
                                        "histchars"};
  if (is_place_variable(name)) return true;
  if (name.starts_with("LD_") || name.starts_with("PS") || name.starts_with("BASH") ||
      name.starts_with("DYLD_") || name.starts_with("COMP_") || name.starts_with("READLINE_"))
    return true;
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool stands_in(std::string_view name, std::string_view text) {
  const auto part = [](char c) { return is_letter(c) || is_digit(c); };
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !part(text[at - 1])) && (end == text.size() || !part(text[end]))) return true;
  }
  return false;
}

Result<ShellState> shell_state_from_bash(std::string_view records) {
  Fields fields(records);
  ShellState state;
  for (;;) {
    const std::string kind = TRY(fields.next());
    if (kind == "E") break;
    if (kind == "V" || kind == "A") {
      CHECK_OK(read_variable(fields, kind == "A", state));
    } else if (kind == "F") {
      ShellFunction function;
      function.attributes = attributes_of(TRY(fields.next()), "rtx");
      std::string name = TRY(fields.next());
      function.text = TRY(fields.next());
      if (is_command_name(name)) state.functions[std::move(name)] = std::move(function);
    } else if (kind == "L") {
      std::string name = TRY(fields.next());
      std::string value = TRY(fields.next());
      if (is_command_name(name)) state.aliases[std::move(name)] = std::move(value);
    } else if (kind == "O") {
      std::string option = TRY(fields.next());
      if (is_option(option)) state.options.push_back(std::move(option));
    } else if (kind == "P") {
      for (size_t left = TRY(fields.count()); left != 0; --left)
        state.arguments.push_back(TRY(fields.next()));
    } else if (kind == "D") {
      state.directory = TRY(fields.next());
    } else if (kind == "U") {
      state.umask = TRY(fields.next());
      if (!is_umask(state.umask)) state.umask.clear();
    } else {
      return Error::infrastructure("the shell's state has a record that cannot be");
    }
  }
  std::erase_if(state.variables, [](const auto& entry) { return is_place_variable(entry.first); });
  return state;
}

ShellState shell_state_from_posix(std::string_view variables, std::string_view exports,
                                  std::string_view aliases, std::string_view options) {
  ShellState state;
  state.bash = false;
  const auto each = [](std::string_view text, std::string_view prefix, auto take) {
    while (!text.empty()) {
      if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
      const size_t end = text.find_first_of("=\n");
      if (end == std::string_view::npos) return;
      const std::string name(text.substr(0, end));
      const bool valued = text[end] == '=';
      text.remove_prefix(end + 1);
      std::string value = valued ? take_word(text) : std::string();
      take(name, std::move(value), valued);
    }
  };
  each(variables, "", [&](const std::string& name, std::string value, bool valued) {
    if (!valued || !is_shell_name(name)) return;
    if (name == "PWD") state.directory = value;
    if (is_place_variable(name) || name == "PS1" || name == "PS2" || name == "PS4") return;
    state.variables[name].values = {{"", std::move(value)}};
  });
  each(exports, "export ", [&](const std::string& name, const std::string&, bool) {
    auto known = state.variables.find(name);
    if (known != state.variables.end()) known->second.attributes = "x";
  });
  each(aliases, "alias ", [&](const std::string& name, std::string value, bool valued) {
    if (valued && is_command_name(name)) state.aliases[name] = std::move(value);
  });
  for (const std::string& line : text::split(options, '\n')) {
    if (is_option(line)) state.options.push_back(line);
  }
  return state;
}

// ---- as bytes

Result<std::string> shell_state_to_bytes(const ShellState& state) {
  Json wire = Json::object();
  wire["bash"] = state.bash;
  Json variables = Json::array();
  for (const auto& [name, variable] : state.variables) {
    Json values = Json::array();
    for (const auto& [key, value] : variable.values) {
      values.push_back(json::binary(key));
      values.push_back(json::binary(value));
    }
    variables.push_back(
        Json::array({name, static_cast<int>(variable.kind), variable.attributes, std::move(values)}));
  }
  wire["variables"] = std::move(variables);
  Json functions = Json::array();
  for (const auto& [name, function] : state.functions)
    functions.push_back(Json::array({name, json::binary(function.text), function.attributes}));
  wire["functions"] = std::move(functions);
  wire["gone_variables"] = state.gone_variables;
  wire["gone_functions"] = state.gone_functions;
  wire["gone_aliases"] = state.gone_aliases;
  Json aliases = Json::array();
  for (const auto& [name, value] : state.aliases) aliases.push_back(Json::array({name, json::binary(value)}));
  wire["aliases"] = std::move(aliases);
  wire["options"] = state.options;
  Json arguments = Json::array();
  for (const std::string& argument : state.arguments) arguments.push_back(json::binary(argument));
  wire["arguments"] = std::move(arguments);
  wire["umask"] = state.umask;
  std::string bytes = json::to_cbor(wire);
  if (bytes.size() > most_shell_state) {
    return Error::usage(
               fmt::format("the shell's variables and functions take {}, more than the {} that go into "
                           "another place",
                           text::human_size(bytes.size()), text::human_size(most_shell_state)))
        .hint("`unset` what is not needed there, or keep it in a file below $WORK");
  }
  return bytes;
}

namespace {

Error no_state() { return Error::infrastructure("what it says of its shell's state cannot be"); }

const Json& list(const Json& wire, const char* key) {
  static const Json none = Json::array();
  const Json* found = json::find(wire, key, Json::value_t::array);
  return found == nullptr || found->size() > most_entries ? none : *found;
}

bool is_text(const Json& value) { return value.is_string() || value.is_binary(); }

/// As JSON has it: a name or the like.
std::optional<std::string> word(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

/// A value's NULs are those of a token alone.
bool is_value(const std::string& value) {
  for (size_t at = 0; (at = value.find('\0', at)) != std::string::npos; at += work_token.size()) {
    if (value.compare(at, work_token.size(), work_token) != 0) return false;
  }
  return true;
}

std::optional<ShellVariable> variable_from(const Json& entry) {
  ShellVariable variable;
  const auto attributes = word(entry[2]);
  if (!entry[1].is_number_unsigned() || entry[1].get<uint64_t>() > 2 || !attributes || !entry[3].is_array() ||
      entry[3].size() % 2 != 0 || !are_attributes(*attributes, known_attributes))
    return std::nullopt;
  variable.kind = static_cast<ShellVariable::Kind>(entry[1].get<uint64_t>());
  variable.attributes = *attributes;
  const bool scalar = variable.kind == ShellVariable::Kind::scalar;
  if (scalar && entry[3].size() != 2) return std::nullopt;
  for (size_t i = 0; i < entry[3].size(); i += 2) {
    if (!is_text(entry[3][i]) || !is_text(entry[3][i + 1])) return std::nullopt;
    std::string key = json::bytes_of(entry[3][i]);
    std::string value = json::bytes_of(entry[3][i + 1]);
    // A key of an indexed array is an expression to a shell.
    if (scalar ? !key.empty() : variable.kind == ShellVariable::Kind::indexed ? !is_number(key) : key.empty())
      return std::nullopt;
    if (!is_value(value) || !is_value(key)) return std::nullopt;
    variable.values.emplace_back(std::move(key), std::move(value));
  }
  return variable;
}

}  // namespace

Result<ShellState> shell_state_from_bytes(std::string_view bytes) {
  if (bytes.size() > most_shell_state) return no_state();
  const Json wire = TRY(json::from_cbor(bytes));
  if (!wire.is_object()) return no_state();
  ShellState state;
  const Json* bash = json::find(wire, "bash", Json::value_t::boolean);
  state.bash = bash != nullptr && bash->get<bool>();
  for (const Json& entry : list(wire, "variables")) {
    if (!entry.is_array() || entry.size() != 4) return no_state();
    const auto name = word(entry[0]);
    auto variable = variable_from(entry);
    if (!name || !is_shell_name(*name) || is_place_variable(*name) || !variable) return no_state();
    state.variables[*name] = *std::move(variable);
  }
  for (const Json& entry : list(wire, "functions")) {
    if (!entry.is_array() || entry.size() != 3 || !is_text(entry[1])) return no_state();
    const auto name = word(entry[0]), attributes = word(entry[2]);
    if (!name || !is_command_name(*name) || !attributes || !are_attributes(*attributes, "rtx"))
      return no_state();
    state.functions[*name] = {json::bytes_of(entry[1]), *attributes};
  }
  for (const auto& [key, names] : {std::pair{"gone_variables", &state.gone_variables},
                                   {"gone_functions", &state.gone_functions},
                                   {"gone_aliases", &state.gone_aliases}}) {
    for (const Json& entry : list(wire, key)) {
      const auto name = word(entry);
      const bool variable = names == &state.gone_variables;
      if (!name || !(variable ? is_shell_name(*name) && !is_place_variable(*name) : is_command_name(*name)))
        return no_state();
      names->insert(*name);
    }
  }
  for (const Json& entry : list(wire, "aliases")) {
    if (!entry.is_array() || entry.size() != 2 || !is_text(entry[1])) return no_state();
    const auto name = word(entry[0]);
    if (!name || !is_command_name(*name)) return no_state();
    state.aliases[*name] = json::bytes_of(entry[1]);
  }
  for (const Json& entry : list(wire, "options")) {
    const auto option = word(entry);
    if (!option || !is_option(*option)) return no_state();
    state.options.push_back(*option);
  }
  for (const Json& entry : list(wire, "arguments")) {
    if (!is_text(entry)) return no_state();
    state.arguments.push_back(json::bytes_of(entry));
  }
  state.umask = TRY(json::get_string(wire, "umask", ""));
  if (!is_umask(state.umask)) return no_state();
  return state;
}

// ---- paths

void take_out_path(ShellState& state, std::string_view from) {
  for (auto& [name, variable] : state.variables) {
    for (auto& [key, value] : variable.values) value = replace_path(value, from, work_token);
  }
  for (std::string& argument : state.arguments) argument = replace_path(argument, from, work_token);
}

void put_in_path(ShellState& state, const std::string& to) {
  for (auto& [name, variable] : state.variables) {
    for (auto& [key, value] : variable.values) value = replace_token(value, work_token, to);
  }
  for (std::string& argument : state.arguments) argument = replace_token(argument, work_token, to);
}

// ---- for a shell

std::string load_text(const ShellState& current, const ShellState& wanted, bool bash,
                      std::vector<std::string>& notes) {
  std::string text =
      bash ? "__testctr_flags=$-\n"
             "__testctr_aliases=; if \\builtin shopt -q expand_aliases; then __testctr_aliases=1; fi\n"
             "__testctr_extglob=; if \\builtin shopt -q extglob; then __testctr_extglob=1; fi\n"
             "\\builtin set +efuvxC\n\\builtin shopt -u expand_aliases\n\\builtin shopt -s extglob\n"
           : "__testctr_flags=$-\n\\set +eufvxC\n__testctr_lost=\n";
  load_variables(current, wanted, bash, text, notes);
  load_functions(current, wanted, bash, text);
  load_aliases(current, wanted, text);
  if (wanted.arguments != current.arguments) {
    text += "\\set --";
    for (const std::string& argument : wanted.arguments) text += " " + quoted(argument);
    text += "\n";
  }
  if (!wanted.umask.empty() && wanted.umask != current.umask) text += "\\umask " + wanted.umask + "\n";
  if (bash) {
    text +=
        "if [ -n \"$__testctr_aliases\" ]; then \\builtin shopt -s expand_aliases; fi\n"
        "if [ -z \"$__testctr_extglob\" ]; then \\builtin shopt -u extglob; fi\n";
  }
  text +=
      "for __testctr_f in f u v x C e; do case $__testctr_flags in *$__testctr_f*) \\set -$__testctr_f ;; "
      "esac; done\n";
  if (wanted.options.empty() || wanted.bash != bash) return text;
  std::vector<std::string> options = wanted.options;
  // One that this shell does not have must not end it.
  std::stable_partition(options.begin(), options.end(), [](const std::string& option) {
    return option.find("errexit") == std::string::npos;
  });
  for (const std::string& option : options) {
    if (std::find(current.options.begin(), current.options.end(), option) == current.options.end())
      text += fmt::format("\\{}{} || :\n", bash ? "builtin " : "", option);
  }
  return text;
}

}  // namespace testctr::interpret
