// `help [TOPIC|COMMAND]`: as text, as manual pages, as JSON.
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "fit_text.h"
#include "man.h"
#include "plan/manifest.h"
#include "plan/user_config.h"

namespace testctr::cmd {
namespace {

constexpr Option options[] = {
    {.names = "--schema",
     .help = "with `manifest`: what one may say, as a JSON Schema for editors and tools; with `config`: the "
             "same of\n"
             "a user's defaults"},
    {.names = "--man", .help = "the same as a manual page: `testctr-script help --man run | man -l -`"},
    {.names = "--man-pages",
     .value = "DIR",
     .help = "write all manual pages into man1 and man7 of this folder"},
    {.names = "--json", .help = "all commands with their options and examples, and all topics, as JSON"}};

Status write_page(const std::string& folder, int section, const std::string& name, const std::string& text) {
  const std::string in = fmt::format("{}/man{}", folder, section);
  CHECK_OK(sys::make_dirs(in, 0755));
  return sys::write_file_at(AT_FDCWD, fmt::format("{}/{}.{}", in, name, section), text);
}

Status write_pages(const std::string& folder) {
  CHECK_OK(write_page(folder, 1, man_name(""), man_of_program()));
  for (const Command* command : commands())
    CHECK_OK(write_page(folder, 1, man_name(command->name), man_of(*command)));
  for (const Topic& topic : topics())
    CHECK_OK(write_page(folder, 7, man_name(topic.name), man_of(topic, text_of(topic))));
  return {};
}

Json json_of(const Command& command) {
  Json all = Json::array();
  for (const Option& option : command.options) {
    Json one = {
        {"names", text::split(option.names, ',')}, {"help", option.help}, {"repeats", option.repeats}};
    if (!option.value.empty()) one["value"] = option.value;
    if (!option.choices.empty()) one["choices"] = text::split(option.choices, '|');
    all.push_back(std::move(one));
  }
  Json examples = Json::array();
  for (const std::string& line : text::split(command.examples, '\n'))
    if (!line.empty()) examples.push_back(line);
  return {{"name", command.name},
          {"summary", command.summary},
          {"synopsis", command.synopsis},
          {"options", std::move(all)},
          {"examples", std::move(examples)}};
}

/// Everything that help is made of, for tools and for the tests that go through it.
std::string as_json() {
  Json all = {{"version", 1}, {"commands", Json::array()}, {"topics", Json::array()}};
  for (const Command* command : commands()) all["commands"].push_back(json_of(*command));
  for (const Topic& topic : topics())
    all["topics"].push_back({{"name", topic.name}, {"summary", topic.summary}, {"text", text_of(topic)}});
  return json::dump(all, 2) + "\n";
}

Result<int> show(const std::string& text) {
  CHECK_OK(print(text));
  return exit_passed;
}

Result<int> show_help(const std::string& text) {
  CHECK_OK(print_help(text));
  return exit_passed;
}

Result<int> show(const Command& command, bool man) {
  return man ? show(man_of(command)) : show_help(help_of(command));
}

Result<int> show(const Topic& topic, bool man) {
  const std::string text = text_of(topic);
  return man ? show(man_of(topic, text)) : show_help(text);
}

Result<int> show_named(const std::string& word, bool man) {
  std::vector<std::string> candidates;
  for (const Topic& topic : topics()) {
    candidates.emplace_back(topic.name);
    if (topic.name == word) return show(topic, man);
  }
  bool group = false;
  for (const Command* command : commands()) {
    candidates.emplace_back(command->name);
    group = group || command->name.starts_with(word + " ");
    if (command->name == word) return show(*command, man);
  }
  if (group && man) {
    return Error::usage(fmt::format("help: {} is a group, and each of its commands has a page", word))
        .hint(fmt::format("`testctr-script {} --help` lists them", word));
  }
  if (group) return show_help(help_of_group(word));
  Error error = Error::usage(fmt::format("help: no topic or command {}", text::quoted(word)));
  if (std::optional<std::string> near = text::nearest(word, candidates)) {
    return std::move(error).hint(fmt::format("did you mean `testctr-script help {}`?", *near));
  }
  return std::move(error).hint("`testctr-script help` lists them");
}

Result<int> run_help(const Arguments& arguments) {
  const std::string word = text::join(arguments.positionals(), " ");
  const bool schema = arguments.flag("--schema"), man = arguments.flag("--man"),
             listed = arguments.flag("--json");
  const std::optional<std::string> pages = arguments.value("--man-pages");
  if (schema + man + listed + pages.has_value() > 1)
    return Error::usage("help: --schema, --man, --man-pages and --json exclude each other");
  if (schema) {
    if (word == "manifest") return show(json::dump(plan::manifest_schema(), 2) + "\n");
    if (word == "config") return show(json::dump(plan::config_schema(), 2) + "\n");
    return Error::usage("help: --schema goes with the topics `manifest` and `config` alone")
        .hint("`testctr-script help manifest --schema`");
  }
  if ((listed || pages) && !word.empty())
    return Error::usage(fmt::format("help: {} is about everything, and {} is named",
                                    listed ? "--json" : "--man-pages", text::quoted(word)));
  if (listed) return show(as_json());
  if (pages) {
    CHECK_OK(write_pages(*pages));
    return exit_passed;
  }
  if (word.empty()) return man ? show(man_of_program()) : show_help(help_of_program());
  return show_named(word, man);
}

const Registration help({.name = "help",
                         .rank = 900,
                         .summary = "this help, a command's, or a topic's",
                         .synopsis = "[TOPIC|COMMAND]",
                         .examples = "testctr-script help exit-codes\ntestctr-script help run\n"
                                     "testctr-script help manifest --schema > testctr.schema.json\n"
                                     "testctr-script help --man run | man -l -\n",
                         .options = options,
                         .max_positionals = 2,
                         .run = run_help});

}  // namespace
}  // namespace testctr::cmd
