// Files of a script that nothing names. A program can find files in many ways; said is only what no reading
// of the script explains.
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"
#include "interpret/lint_rules.h"

namespace testctr::interpret {
namespace {

bool is_word_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Whether `name` stands in `text`, not as a part of a longer word.
bool names(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !is_word_byte(text[at - 1]) || !is_word_byte(name.front());
    const bool ends = end == text.size() || !is_word_byte(text[end]) || !is_word_byte(name.back());
    if (begins && ends) return true;
  }
  return false;
}

/// The names by which one may mean the file: its own, that of each folder that it lies in, and the last
/// part of each, also without what follows the dot.
std::vector<std::string> names_of(std::string_view name) {
  std::vector<std::string> all;
  for (std::string& part : text::split(name, '/')) {
    if (part.empty() || part == "." || part == ".." || part.starts_with('$')) continue;
    const size_t dot = part.find('.', 1);
    if (dot != std::string::npos) all.push_back(part.substr(0, dot));
    all.push_back(std::move(part));
  }
  return all;
}

/// What programs look for without being told.
bool is_found_unasked(std::string_view name) {
  static constexpr std::array<std::string_view, 12> usual = {
      "makefile", "gnumakefile",  "dockerfile", "go.mod",   "go.sum",         "go.work",
      "go.env",   "package.json", "cargo.toml", "setup.py", "cmakelists.txt", "compose.yaml"};
  const std::vector<std::string> parts = text::split(name, '/');
  const auto hidden = [](const std::string& part) {
    return part.starts_with('.') && part != "." && part != "..";
  };
  if (std::any_of(parts.begin(), parts.end(), hidden)) return true;
  std::string last = parts.back();
  std::transform(last.begin(), last.end(), last.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(usual.begin(), usual.end(), last) != usual.end();
}

/// Whether a line speaks of whole folders: `.`, `./...`, `$WORK`, a `*`.
bool means_folders(const script::Command& command) {
  if (command.name == "cd" || is_matcher(command)) return false;
  return std::any_of(command.arguments.begin(), command.arguments.end(), [](const script::Word& word) {
    const std::string text = raw(word);
    static constexpr std::array<std::string_view, 9> folders = {".",       "./",   "..",     "...", "$WORK",
                                                                "${WORK}", "$PWD", "${PWD}", "~"};
    return std::find(folders.begin(), folders.end(), text) != folders.end() ||
           text.find("./...") != std::string::npos || text.find('*') != std::string::npos ||
           text.find(" .") != std::string::npos || text.find("$WORK ") != std::string::npos;
  });
}

/// Whether a word with variables may come to be `name`: each variable can be anything.
bool may_be(const script::Word& word, std::string_view name) {
  std::string pattern;
  for (const script::Fragment& fragment : word) {
    if (fragment.quoted) {
      pattern += fragment.text;
      continue;
    }
    for (size_t i = 0; i < fragment.text.size(); ++i) {
      const char c = fragment.text[i];
      if (c != '$') {
        pattern += c;
        continue;
      }
      pattern += '*';
      if (fragment.text.substr(i + 1).starts_with('{')) {
        i = fragment.text.find('}', i);
        if (i == std::string::npos) break;
      } else {
        while (i + 1 < fragment.text.size() && is_word_byte(fragment.text[i + 1])) ++i;
      }
    }
  }
  return pattern.find('*') != std::string::npos &&
         ::fnmatch(pattern.c_str(), std::string(name).c_str(), 0) == 0;
}

bool may_be_named(const script::Script& script, std::string_view name) {
  const std::string_view last = name.substr(name.rfind('/') + 1);
  for (const script::Command& command : script.commands) {
    for (size_t i = command.name == "exec" ? 1 : 0; i < command.arguments.size(); ++i) {
      if (may_be(command.arguments[i], name) || may_be(command.arguments[i], last)) return true;
    }
  }
  return false;
}

/// Whether it is carried out by a program that looks for its files by itself.
bool looks_around(const script::Command& command) {
  static constexpr std::array<std::string_view, 14> programs = {"go",    "make",  "git", "ls",   "find",
                                                                "tar",   "cargo", "npm", "node", "docker",
                                                                "cmake", "rg",    "du",  "tree"};
  const std::string name =
      command.name == "exec" && !command.arguments.empty() ? raw(command.arguments[0]) : command.name;
  return std::find(programs.begin(), programs.end(), name) != programs.end();
}

}  // namespace

void lint_files(const script::Script& script, Findings& findings) {
  const bool all_meant = std::any_of(
      script.commands.begin(), script.commands.end(),
      [](const script::Command& command) { return means_folders(command) || looks_around(command); });
  if (all_meant) return;
  std::string lines;
  for (const script::Command& command : script.commands) lines += command.text + "\n";
  for (const script::File& file : script.files) {
    if (is_found_unasked(file.name)) continue;
    const std::vector<std::string> all = names_of(file.name);
    const auto stands_in = [&](std::string_view text) {
      return std::any_of(all.begin(), all.end(), [&](const std::string& name) { return names(text, name); });
    };
    const bool used = all.empty() || stands_in(lines) || may_be_named(script, file.name) ||
                      std::any_of(script.files.begin(), script.files.end(), [&](const script::File& other) {
                        return &other != &file && stands_in(other.data);
                      });
    if (used) continue;
    findings.add("unused-file", file.line, 3,
                 fmt::format("nothing names the file {}", text::quoted(file.name)),
                 "use it, or take it away");
  }
}

}  // namespace testctr::interpret
