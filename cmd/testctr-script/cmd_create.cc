// `create`: a document from commands, with what they print.
#include <algorithm>
#include <iostream>
#include <iterator>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "create.h"
#include "plan/make_plan.h"
#include "revise.h"
#include "run_request.h"
#include "run_setup.h"
#include "scratch.h"

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

std::string first_line(const std::string& command) { return command.substr(0, command.find('\n')); }

std::string command_lines(const std::string& command, const std::string& indent) {
  std::string out;
  bool first = true;
  for (const std::string& line : text::split(command, '\n')) {
    out += fmt::format("{}{}{}\n", indent, first ? "$ " : (line.empty() ? ">" : "> "), line);
    first = false;
  }
  return out;
}

/// The document before it was run: cases that expect nothing.
std::string bare_document(const std::vector<std::string>& commands, const std::string& title, bool cram,
                          size_t indent) {
  std::string out;
  if (!title.empty()) out += cram ? fmt::format("{}\n\n", title) : fmt::format("# {}\n\n", title);
  bool first = true;
  for (const std::string& command : commands) {
    if (!first) out += "\n";
    first = false;
    if (cram) {
      out += fmt::format("{}:\n\n", first_line(command)) + command_lines(command, std::string(indent, ' '));
      continue;
    }
    if (commands.size() > 1 || title.empty()) out += fmt::format("## {}\n\n", first_line(command));
    out += "```scrut\n" + command_lines(command, "") + "```\n";
  }
  return out;
}

/// A fence that nothing in the document closes too early.
void lengthen_fences(std::string& document) {
  size_t longest = 2;
  for (std::string_view line : text::lines(document)) {
    if (line.starts_with("```scrut") || text::trim(line) == "```") continue;
    const size_t ticks = std::min(line.find_first_not_of('`'), line.size());
    longest = std::max(longest, ticks);
  }
  if (longest < 3) return;
  const std::string fence(longest + 1, '`');
  std::string out;
  for (std::string_view line : text::lines(document)) {
    if (line == "```scrut\n") {
      out += fence + "scrut\n";
    } else if (line == "```\n") {
      out += fence + "\n";
    } else {
      out += line;
    }
  }
  document = std::move(out);
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

}  // namespace

Result<std::string> create_document(const Arguments& arguments, const std::string& image,
                                    const std::vector<std::string>& commands, const std::string& title,
                                    const std::string& name, bool cram) {
  const Scratch scratch = TRY(Scratch::make());
  plan::RunRequest request = TRY(request_of(arguments));
  std::string source = bare_document(commands, title, cram, request.documents.reading.indent);
  if (!cram) lengthen_fences(source);
  plan::Plan plan = TRY(plan_of_text(std::move(request), image, scratch.path(), name, source));
  Revisions revisions = TRY(run_and_revise(plan, arguments));
  Revision& revision = revisions.documents.front();
  if (!revision.problems.empty())
    return Error::infrastructure(fmt::format("create: {}", text::join(revision.problems, "\n  ")));
  std::vector<script::Edit> edits;
  for (const Change& change : revision.changes)
    edits.insert(edits.end(), change.edits.begin(), change.edits.end());
  return script::with_edits(source, std::move(edits));
}

namespace {

Result<std::string> create(const Arguments& arguments, const std::vector<std::string>& commands, bool cram) {
  return create_document(arguments, arguments.positionals().front(), commands,
                         arguments.value("--title").value_or(""), cram ? "created.t" : "created.md", cram);
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
