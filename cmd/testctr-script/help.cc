// The help texts: of the program, of a group, of a command (examples first).
#include "base/text.h"
#include "commands.h"

namespace testctr::cmd {
namespace {

/// Two columns; the second one's further lines are indented below it.
std::string rows(std::span<const std::pair<std::string, std::string>> all) {
  size_t width = 0;
  for (const auto& [left, right] : all) width = std::max(width, std::min<size_t>(left.size(), 26));
  std::string out;
  for (const auto& [left, right] : all) {
    std::string column = fmt::format("  {:<{}}  ", left, width);
    if (left.size() > width) column = fmt::format("  {}\n{}", left, std::string(width + 4, ' '));
    out += column;
    bool first = true;
    for (const std::string& line : text::split(right, '\n')) {
      if (!first) out += std::string(width + 4, ' ');
      out += line + "\n";
      first = false;
    }
  }
  return out;
}

std::string indented(std::string_view text) {
  std::string out;
  for (std::string_view line : text::lines(text)) out += fmt::format("  {}", line);
  return out;
}

std::string option_names(const Option& option) {
  std::string names;
  for (const std::string& name : text::split(option.names, ',')) {
    names += (names.empty() ? (name.starts_with("--") ? "    " : "") : ", ") + name;
  }
  return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

std::string command_list(std::string_view group) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Command* command : commands()) {
    if (!group.empty() && !command->name.starts_with(std::string(group) + " ")) continue;
    all.emplace_back(command->name, command->summary);
  }
  return rows(all);
}

}  // namespace

std::string help_of(const Command& command) {
  std::string out = fmt::format("testctr-script {} - {}\n\n", command.name, command.summary);
  if (!command.examples.empty()) out += fmt::format("Examples:\n{}\n", indented(command.examples));
  out += fmt::format("Usage:\n  testctr-script {} [options] {}\n\n", command.name, command.synopsis);
  std::vector<std::pair<std::string, std::string>> all;
  for (const Option& option : command.options) {
    all.emplace_back(option_names(option),
                     std::string(option.help) + (option.repeats ? "; may be given several times" : ""));
  }
  all.emplace_back("-h, --help", "this text");
  out += "Options:\n" + rows(all);
  if (!command.text.empty()) out += fmt::format("\n{}", command.text);
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

std::string help_of_group(std::string_view group) {
  return fmt::format(
      "Commands of `testctr-script {}`:\n{}\n`testctr-script {} COMMAND --help` says more of each.\n", group,
      command_list(group), group);
}

constexpr std::string_view program_examples_text =
    "  testctr-script run builtin first.txt             one script in the embedded image\n"
    "  testctr-script run golang:latest mytest.txt      ... in an image of the store\n"
    "  testctr-script run oci:build/image tests/ -j 4   every script of a folder, four at a time\n"
    "  testctr-script run debian:12 README.md tests/*.t   documents: Scrut Markdown and Cram\n"
    "  testctr-script doctor                            what this machine allows\n";

std::string_view program_examples() { return program_examples_text; }

std::string help_of_program() {
  std::string out =
      "testctr-script - runs test scripts in containers, with no engine, no daemon and no root\n\n"
      "Examples:\n";
  out += program_examples();
  out += "\nCommands:\n";
  out += command_list("");
  out += "\nTopics (`testctr-script help TOPIC`):\n";
  std::vector<std::pair<std::string, std::string>> all;
  for (const Topic& topic : topics()) all.emplace_back(topic.name, topic.summary);
  out += rows(all);
  out +=
      "\n`testctr-script COMMAND --help` says what a command takes; `testctr-script --version` which one "
      "this is.\n";
  return out;
}

}  // namespace testctr::cmd
