// `help [TOPIC|COMMAND]`.
#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "plan/manifest.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "--schema",
     .help = "with `manifest`: what one may say, as a JSON Schema for editors and tools"}};

/// The topic `manifest` is made from the same table as the reader of manifests.
Result<int> help_manifest(const Topic& topic, bool schema) {
  if (schema) {
    CHECK_OK(print(json::dump(plan::manifest_schema(), 2) + "\n"));
  } else {
    CHECK_OK(print(std::string(topic.text) + "\n" + plan::manifest_keys_text()));
  }
  return exit_passed;
}

Result<int> run_help(const Arguments& arguments) {
  const bool schema = arguments.flag("--schema");
  if (schema && arguments.positionals() != std::vector<std::string>{"manifest"}) {
    return Error::usage("help: --schema goes with the topic `manifest` alone")
        .hint("`testctr-script help manifest --schema`");
  }
  if (arguments.positionals().empty()) {
    CHECK_OK(print(help_of_program()));
    return exit_passed;
  }
  const std::string word = text::join(arguments.positionals(), " ");
  std::vector<std::string> candidates;
  for (const Topic& topic : topics()) {
    candidates.emplace_back(topic.name);
    if (topic.name != word) continue;
    if (word == "manifest") return help_manifest(topic, schema);
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
                         .examples = "testctr-script help exit-codes\ntestctr-script help run\n"
                                     "testctr-script help manifest --schema\n",
                         .options = options,
                         .max_positionals = 2,
                         .run = run_help});

}  // namespace
}  // namespace testctr::cmd
