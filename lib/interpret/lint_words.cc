// The language has no shell in it; what looks like one is an ordinary word.
#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/lint_rules.h"

namespace testctr::interpret {
namespace {

constexpr std::string_view through_shell = "run it by a shell: exec sh -c '...'";

bool is_operator(std::string_view word) {
  static constexpr std::array<std::string_view, 16> operators = {
      "|", "||", "&&", ";", ">", ">>", "<", "<<", "1>", "1>>", "2>", "2>>", "2>&1", "1>&2", "&>", ">&2"};
  if (std::find(operators.begin(), operators.end(), word) != operators.end()) return true;
  // `2>/dev/null`; but not `>=1.2`.
  size_t at = 0;
  if (at < word.size() && (word[at] == '1' || word[at] == '2' || word[at] == '&')) ++at;
  const size_t arrow = at;
  while (at < word.size() && word[at] == '>') ++at;
  return at > arrow && at - arrow <= 2 && at < word.size() &&
         (word[at] == '/' || word[at] == '.' || arrow > 0);
}

/// The parts of a word outside of quotes, those inside as a blank.
std::string outside(const script::Word& word) {
  std::string text;
  for (const script::Fragment& fragment : word) text += fragment.quoted ? " " : fragment.text;
  return text;
}

/// A word that names files by a pattern, as far as that can be seen.
bool is_glob(std::string_view word) {
  if (word.find('*') == std::string_view::npos || word.starts_with('-')) return false;
  return std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_./-*?$").find(c) != std::string_view::npos;
  });
}

/// Commands whose words are names of files.
bool takes_files(const script::Command& command) {
  static constexpr std::array<std::string_view, 8> names = {"cat", "chmod", "cp",      "exists",
                                                            "mv",  "rm",    "unquote", "unix2dos"};
  return std::find(names.begin(), names.end(), command.name) != names.end();
}

/// Whether words of it are for a program, or for one of ours that prints them.
bool is_like_program(const script::Command& command) {
  return command.name == "exec" || command.name == "echo" || takes_files(command) ||
         find_command(command.name) == nullptr;
}

void lint_operator(const script::Command& command, size_t index, const std::string& word,
                   Findings& findings) {
  if (!is_like_program(command)) return;
  const auto ends_find = [](const script::Word& earlier) {
    const std::string text = raw(earlier);
    return text == "-exec" || text == "-execdir" || text == "-ok";
  };
  const bool of_find = std::any_of(command.arguments.begin(), command.arguments.begin() + index, ends_find);
  const bool ends_statement = word.size() > 1 && word.ends_with(';') && word.find('=') == std::string::npos;
  if (!is_operator(word) && !ends_statement) return;
  if (of_find && word == ";") return;
  findings.at_argument(
      "shell-operator", command, index,
      fmt::format("`{}` is an ordinary argument: there are no pipes, redirections or lists here",
                  text::printable(word)),
      word.find('>') != std::string::npos && word.find('&') == std::string::npos
          ? "the output is in stdout: `cp stdout FILE` writes it into a file"
          : std::string(through_shell));
}

}  // namespace

void lint_words(const script::Command& command, Findings& findings) {
  const bool like_program = is_like_program(command);
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const script::Word& word = command.arguments[i];
    const std::string plain = outside(word);
    const bool unquoted = word.size() == 1 && !word[0].quoted;
    if (unquoted) lint_operator(command, i, plain, findings);
    if (plain.find("$(") != std::string::npos || plain.find('`') != std::string::npos)
      findings.at_argument("shell-substitution", command, i,
                           "a command in `...` or $(...) is not carried out here: it is text",
                           "exec it in a line of its own, or by a shell: exec sh -c '...'");
    // Elsewhere in a word they are hardly meant to hold it together.
    const bool opens = plain.starts_with('"') || plain.find("=\"") != std::string::npos;
    if (opens && !is_matcher(command))
      findings.at_argument("shell-quotes", command, i,
                           "double quotes are ordinary bytes and hold nothing together",
                           "write 'single quotes'; what is to have double quotes stands in them: '\"x\"'");
    if (like_program && unquoted && (plain == "~" || plain.starts_with("~/")))
      findings.at_argument("shell-home", command, i,
                           fmt::format("`{}` is not a home folder: ~ is a byte", plain), "write $HOME");
    const bool names_files =
        takes_files(command) || (command.name == "exec" && (plain.find('/') != std::string::npos ||
                                                            plain.find("*.") != std::string::npos));
    if (unquoted && names_files && is_glob(plain))
      findings.at_argument(
          "shell-glob", command, i,
          fmt::format("`{}` is not expanded: it is the name of one file", text::printable(plain)),
          "name the files, or use a shell: exec sh -c '...'");
  }
}

}  // namespace testctr::interpret
