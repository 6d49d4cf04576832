#include "report_files.h"

#include <array>

#include "base/text.h"
#include "report/ctrf.h"
#include "report/html.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/tap.h"
#include "report/terminal.h"

namespace testctr::cmd {
namespace {

using report::FileReport;
using report::Reporter;
using report::Writer;

using Maker = std::unique_ptr<Reporter> (*)(const Arguments&, Writer&);

template <class R>
std::unique_ptr<Reporter> make(const Arguments& /*arguments*/, Writer& out) {
  return std::make_unique<R>(out);
}

/// What a terminal would show, without its colours and what moves.
std::unique_ptr<Reporter> make_text(const Arguments& arguments, Writer& out) {
  report::TerminalOptions looks;
  looks.verbose = arguments.flag("--verbose");
  return std::make_unique<report::Terminal>(out, out, looks);
}

struct Format {
  std::string_view name;
  Maker make;
};
constexpr std::array formats{Format{"ctrf", make<report::Ctrf>},      Format{"html", make<report::Html>},
                             Format{"json", make<report::JsonLines>}, Format{"junit", make<report::Junit>},
                             Format{"tap", make<report::Tap>},        Format{"text", make_text}};

Error unknown_format(const std::string& name) {
  const std::vector<std::string> names = report_formats();
  Error error =
      Error::usage(fmt::format("--report: {} is none of {}", text::quoted(name), text::join(names, ", ")));
  if (const std::optional<std::string> near = text::nearest(name, names))
    return std::move(error).hint(fmt::format("did you mean `{}`?", *near));
  return error;
}

/// Of what others read while it grows, an older one must not be taken for it.
report::FileWriter::Appears appears(const Format& format) {
  return format.name == "json" ? report::FileWriter::Appears::at_once : report::FileWriter::Appears::whole;
}

Result<std::unique_ptr<FileReport>> open(const Arguments& arguments, const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos)
    return Error::usage(fmt::format("--report: {} is not FORMAT=FILE", text::quoted(word)))
        .hint(fmt::format("FORMAT is one of {}", text::join(report_formats(), ", ")));
  const std::string name = word.substr(0, equals);
  const std::string path = word.substr(equals + 1);
  for (const Format& format : formats) {
    if (format.name != name) continue;
    if (path == "-")
      return Error::usage("--report writes into files").hint("--json and --tap write to standard output");
    auto file = TRY(FileReport::create(fmt::format("--report {}=", format.name), path, appears(format)));
    file->set(format.make(arguments, file->writer()));
    return file;
  }
  return unknown_format(name);
}

Status check(const FileReport& file, const std::string& option, const ReportFiles& others,
             const std::vector<std::string>& read, std::string_view what) {
  for (const std::string& each : read) {
    if (!file.overwrites(each)) continue;
    return Error::usage(fmt::format("{}: {} is {}, and the report would overwrite it", option,
                                    text::quoted(file.path()), what));
  }
  for (const auto& other : others) {
    if (file.shares_file_with(*other))
      return Error::usage(
          fmt::format("{}: two reports would be written into {}", option, text::quoted(file.path())));
  }
  return {};
}

}  // namespace

std::vector<std::string> report_formats() {
  std::vector<std::string> names;
  for (const Format& format : formats) names.emplace_back(format.name);
  return names;
}

Result<ReportFiles> report_files(const Arguments& arguments, const std::vector<std::string>& read,
                                 std::string_view what) {
  ReportFiles files;
  if (const std::optional<std::string> path = arguments.value("--junit")) {
    if (path == "-")
      return Error::usage("--junit writes into a file").hint("--json and --tap write to standard output");
    auto file = TRY(FileReport::create("--junit", *path));
    file->set(std::make_unique<report::Junit>(file->writer()));
    CHECK_OK(check(*file, "--junit", files, read, what));
    files.push_back(std::move(file));
  }
  for (const std::string& word : arguments.values("--report")) {
    auto file = TRY(open(arguments, word));
    CHECK_OK(check(*file, "--report", files, read, what));
    files.push_back(std::move(file));
  }
  return files;
}

Result<ReportFiles> report_files(const Arguments& arguments, const plan::Plan& plan) {
  std::vector<std::string> read;
  for (const plan::Job& job : plan.jobs) {
    read.push_back(job.file);
    for (const plan::Step& step : job.further) read.push_back(step.file);
    if (!job.layer.empty()) read.push_back(job.layer);
  }
  return report_files(arguments, read, "what is to be run");
}

std::vector<std::optional<std::string>> report_paths(const Arguments& arguments) {
  std::vector<std::optional<std::string>> paths{arguments.value("--junit")};
  for (const std::string& word : arguments.values("--report"))
    if (const size_t equals = word.find('='); equals != std::string::npos)
      paths.emplace_back(word.substr(equals + 1));
  return paths;
}

}  // namespace testctr::cmd
