// `create`: a document from commands, with what they print.
#include <algorithm>
#include <iostream>
#include <iterator>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "create.h"
#include "run_request.h"
#include "run_setup.h"

namespace testctr::cmd {
namespace {

constexpr Option own_options[] = {
    {.names = "-o,--output", .value = "FILE", .help = "where the document goes (default: standard output)"},
    {.names = "-t,--title", .value = "TEXT", .help = "of the document (default: none)"},
    {.names = "--force", .help = "replace FILE when it is there"}};
// One document is made, of commands that its shell carries out: nothing of scripts, and nothing beside it.
constexpr auto options = without(
    with_place_options(own_options),
    {"-j,--jobs", "--dialect", "--command", "--cond", "--short", "--strict-env", "--layer", "--compat"});

constexpr std::string_view examples =
    "testctr-script create builtin 'echo hello' 'ls /nowhere'\n"
    "testctr-script create debian:12 --format cram -o tests/ls.t 'ls /'\n"
    "testctr-script create builtin - <commands.sh\n";

constexpr std::string_view text =
    "Every argument behind the image is a case of its own, whatever it ends with; `-` reads one from "
    "standard "
    "input. `--format` is scrut (Markdown, the default) or cram.\n";

/// The command that begins at a line.
std::string line_of(std::string_view source, uint32_t number) {
  const auto all = text::lines(source);
  std::string line(number <= all.size() ? text::trim(all[number - 1]) : "");
  return line.starts_with("$ ") ? line.substr(2) : line;
}

Result<std::vector<std::string>> commands_of(const std::vector<std::string>& words) {
  std::vector<std::string> commands;
  for (size_t i = 1; i < words.size(); ++i) {
    std::string command = words[i];
    if (command == "-") command.assign(std::istreambuf_iterator<char>(std::cin), {});
    while (command.ends_with('\n')) command.pop_back();
    if (command.empty()) return Error::usage("create: an empty command");
    if (command.find('\0') != std::string::npos || command.find('\r') != std::string::npos)
      return Error::usage("create: a command with a NUL or a carriage return cannot stand in a document");
    commands.push_back(std::move(command));
  }
  return commands;
}

Result<std::string> create(const Arguments& arguments, const std::vector<std::string>& commands, bool cram) {
  const std::string source =
      bare_document(commands, arguments.value("--title").value_or(""), cram, TRY(cram_indent(arguments)));
  const Revision revision = TRY(
      revise_text(arguments, arguments.positionals().front(), cram ? "created.t" : "created.md", source, ""));
  if (!revision.problems.empty()) {
    if (const uint32_t line = revision.shell_ended_line; line != 0)
      return Error::usage(fmt::format("create: {} ends the shell, which all cases of a Cram document share",
                                      text::quoted(line_of(source, line))))
          .hint("`--format scrut` goes on in a new shell; in Cram `(exit 3)` ends a shell of its own");
    return Error::infrastructure(fmt::format("create: {}", text::join(revision.problems, "\n  ")));
  }
  return with_changes(source, revision.changes);
}

Result<int> run_create(const Arguments& arguments) {
  static const std::vector<std::string> formats{"scrut", "markdown", "cram"};
  const bool cram = TRY(arguments.choice("--format", formats)).value_or("scrut") == "cram";
  const std::vector<std::string> commands = TRY(commands_of(arguments.positionals()));
  const std::string output = arguments.value("--output").value_or("-");
  if (output == "-") {
    CHECK_OK(print(TRY(create(arguments, commands, cram))));
    return exit_passed;
  }
  const auto found = TRY(sys::stat_at(AT_FDCWD, output, 0));
  if (found && S_ISREG(found->st_mode) && !arguments.flag("--force"))
    return Error::usage(fmt::format("--output: {} is there already", text::quoted(output)))
        .hint("--force replaces it");
  sys::OutputFile file = TRY_IN(sys::OutputFile::create(output), "--output");
  const std::string document = TRY(create(arguments, commands, cram));
  CHECK_OK(sys::write_full(TRY(file.begin()), document));
  CHECK_OK(file.finish());
  return exit_passed;
}

const Registration create_command({.name = "create",
                                   .rank = 120,
                                   .summary = "make a document from commands, with what they print",
                                   .synopsis = "IMAGE COMMAND...",
                                   .examples = examples,
                                   .options = options,
                                   .min_positionals = 2,
                                   .text = text,
                                   .run = run_create});

}  // namespace
}  // namespace testctr::cmd
