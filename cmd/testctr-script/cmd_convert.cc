// `convert FILE...`: documents in the other format; nothing runs.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/output_file.h"
#include "base/sys.h"
#include "base/text.h"
#include "commands.h"
#include "script/convert.h"

namespace testctr::cmd {
namespace {

using script::Dialect;

constexpr Option options[] = {
    {.names = "-o,--output",
     .value = "FILE",
     .help = "where it goes; - is standard output. Without it the name's extension is exchanged"},
    {.names = "--to",
     .value = "FORMAT",
     .help = "markdown or cram; without it, what the file is not, by its name",
     .choices = "markdown|cram"},
    {.names = "--indent",
     .value = "N",
     .help = "indentation of the Cram document; default 2, on the way back that of the original"},
    {.names = "--lossy", .help = "leave a comment in place of what Cram cannot say"},
    {.names = "--force", .help = "replace a file that is there already"}};

constexpr std::string_view text =
    "From Cram to Markdown nothing is lost, and the way back gives the same bytes. A case becomes a block, "
    "text stays text;\n"
    "what only Cram's reader takes for text is kept as `<!-- cram: ... -->`, what has no place in a block as "
    "a comment in it.\n"
    "From Markdown to Cram, configuration that Cram cannot say is an error that names its line. Three things "
    "that a Markdown\n"
    "document need not say change their meaning, which is told and is no error: from now on standard error "
    "counts too, carriage\n"
    "returns are not dropped, and one /bin/sh runs all commands, so that `exit` ends them all. Expectations "
    "that in Markdown are\n"
    "also met by a last line without its end ask for the end in Cram. `[N]` goes to the end of the output; "
    "an indented line of\n"
    "text gets a backslash in front.\n";

std::optional<Dialect> dialect_of_name(const std::string& file) {
  for (std::string_view extension : {".md", ".markdown", ".scrut"}) {
    if (file.ends_with(extension)) return Dialect::markdown;
  }
  for (std::string_view extension : {".t", ".cram"}) {
    if (file.ends_with(extension)) return Dialect::cram;
  }
  return std::nullopt;
}

Dialect other(Dialect dialect) { return dialect == Dialect::cram ? Dialect::markdown : Dialect::cram; }

struct Request {
  std::optional<Dialect> to;
  std::optional<std::string> output;
  std::optional<size_t> indent;
  bool lossy = false, force = false;
};

Result<Request> request_of(const Arguments& arguments) {
  Request request;
  static const std::array<std::string, 2> formats = {"markdown", "cram"};
  if (const auto format = TRY(arguments.choice("--to", formats)))
    request.to = *format == "cram" ? Dialect::cram : Dialect::markdown;
  constexpr uint64_t widest_indent = 64;
  if (const auto indent = TRY(arguments.number("--indent", 1, widest_indent))) request.indent = *indent;
  request.output = arguments.value("--output");
  request.lossy = arguments.flag("--lossy");
  request.force = arguments.flag("--force");
  if (request.output && arguments.positionals().size() > 1)
    return Error(Error::usage("--output names one file, and there are several to be converted"))
        .hint("leave it out: each gets its own name with the other extension");
  return request;
}

/// What the file becomes.
Result<Dialect> target_dialect(const std::string& file, const Request& request) {
  const auto named = dialect_of_name(file);
  if (!named && !request.to)
    return Error(Error::usage(fmt::format("{}: its name does not say what it is", text::printable(file))))
        .hint("`--to markdown` or `--to cram` says what it becomes");
  if (named && request.to && *named == *request.to)
    return Error::usage(fmt::format("{}: it is {} already", text::printable(file),
                                    *named == Dialect::cram ? "Cram" : "Markdown"));
  return request.to ? *request.to : other(*named);
}

std::string with_other_extension(const std::string& file, Dialect to) {
  const char* extension = to == Dialect::cram ? ".t" : ".md";
  if (!dialect_of_name(file)) return file + extension;
  return file.substr(0, file.rfind('.')) + extension;
}

Status check_input(const std::string& file) {
  const auto found = TRY(sys::stat_at(AT_FDCWD, file, 0));
  if (!found) return Error::usage(fmt::format("{}: no such file", text::printable(file)));
  if (S_ISREG(found->st_mode)) return {};
  return Error::usage(
      fmt::format("{}: {}", text::printable(file),
                  S_ISDIR(found->st_mode) ? "a folder; name the documents in it" : "not a regular file"));
}

Result<script::Converted> converted(const std::string& file, Dialect to, const Request& request) {
  const std::string source = TRY_IN(sys::read_file(file), "the document");
  const std::string name = text::printable(file);
  const size_t indent = request.indent.value_or(2);
  if (to == Dialect::markdown)
    return script::to_markdown(TRY(script::read_cram(name, source, {script::Compat::none, indent})), indent);
  return script::to_cram(TRY(script::read_markdown(name, source)), {request.indent, request.lossy});
}

/// Where it may be written.
Result<sys::OutputFile> output_for(const std::string& file, const std::string& output,
                                   const Request& request) {
  sys::OutputFile out = TRY_IN(sys::OutputFile::create(output), "the output");
  if (out.is(file))
    return Error::usage(
        fmt::format("{} is the document, and the output would overwrite it", text::printable(output)));
  const auto found = TRY(sys::stat_at(AT_FDCWD, output, 0));
  if (found && S_ISREG(found->st_mode) && !request.force)
    return Error(Error::usage(fmt::format("{}: {} is there already, and nothing is written",
                                          text::printable(file), text::printable(output))))
        .hint("`--force` replaces it, `-o FILE` names another");
  return out;
}

/// Converts one file. @param written what this call of the program has written so far
Status convert_one(const std::string& file, const Request& request, std::set<std::string>& written) {
  CHECK_OK(check_input(file));
  const Dialect to = TRY(target_dialect(file, request));
  const std::string output = request.output.value_or(with_other_extension(file, to));
  std::optional<sys::OutputFile> out;
  if (output != "-") out.emplace(TRY(output_for(file, output, request)));
  if (out && written.count(out->target()) != 0)
    return Error::usage(fmt::format("{}: another of the documents became {}", text::printable(file),
                                    text::printable(output)));
  const script::Converted made = TRY(converted(file, to, request));
  for (const script::Remark& note : made.notes)
    complain(fmt::format("{}:{}: note: {}", file, note.line, note.text));
  if (!out) return print(made.text);
  CHECK_OK(sys::write_full(TRY(out->begin()), made.text));
  CHECK_OK(out->finish());
  written.insert(out->target());
  return print(fmt::format("{} -> {}\n", text::printable(file), text::printable(output)));
}

Result<int> run_convert(const Arguments& arguments) {
  const Request request = TRY(request_of(arguments));
  std::set<std::string> written;
  int code = exit_passed;
  for (const std::string& file : arguments.positionals()) {
    const Status done = convert_one(file, request, written);
    if (!done.ok()) code = std::max(code, complain(done.error()));
  }
  return code;
}

const Registration convert({.name = "convert",
                            .rank = 130,
                            .summary = "write documents in the other format: Cram as Markdown, and back",
                            .synopsis = "FILE... [-o OUT]",
                            .examples = "testctr-script convert tests/*.t\n"
                                        "testctr-script convert README.md --indent 4 -o readme.t\n",
                            .options = options,
                            .min_positionals = 1,
                            .text = text,
                            .run = run_convert});

}  // namespace
}  // namespace testctr::cmd
