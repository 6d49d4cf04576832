// `help [TOPIC|COMMAND]`.
#include "base/text.h"
#include "commands.h"

namespace testctr::cmd {
namespace {

Result<int> run_help(const Arguments& arguments) {
  if (arguments.positionals().empty()) {
    CHECK_OK(print(help_of_program()));
    return exit_passed;
  }
  const std::string word = text::join(arguments.positionals(), " ");
  std::vector<std::string> candidates;
  for (const Topic& topic : topics()) {
    candidates.emplace_back(topic.name);
    if (topic.name != word) continue;
    CHECK_OK(print(topic.text));
    return exit_passed;
  }
  bool group = false;
  for (const Command* command : commands()) {
    candidates.emplace_back(command->name);
    group = group || command->name.starts_with(word + " ");
    if (command->name != word) continue;
    CHECK_OK(print(help_of(*command)));
    return exit_passed;
  }
  if (group) {
    CHECK_OK(print(help_of_group(word)));
    return exit_passed;
  }
  Error error = Error::usage(fmt::format("help: no topic or command {}", text::quoted(word)));
  if (std::optional<std::string> near = text::nearest(word, candidates)) {
    return std::move(error).hint(fmt::format("did you mean `testctr-script help {}`?", *near));
  }
  return std::move(error).hint("`testctr-script help` lists them");
}

const Registration help({.name = "help",
                         .rank = 900,
                         .summary = "this help, a command's, or a topic's",
                         .synopsis = "[TOPIC|COMMAND]",
                         .examples = "testctr-script help exit-codes\ntestctr-script help run\n",
                         .max_positionals = 2,
                         .run = run_help});

}  // namespace
}  // namespace testctr::cmd
