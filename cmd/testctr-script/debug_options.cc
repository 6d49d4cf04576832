#include "debug_options.h"

#include <charconv>
#include <set>

#include "base/text.h"
#include "plan/gather.h"
#include "script/script.h"

namespace testctr::cmd {
namespace {

/// A file of the plan, and the lines that something is carried out in.
struct Text {
  std::string name, file;
  std::vector<uint32_t> lines;
  uint32_t length = 0;
};

Status add_texts(const plan::Job& job, const plan::Step& step, std::vector<Text>& texts) {
  const auto begin = [&](const std::string& name, const std::string& file,
                         const std::string& source) -> Text& {
    Text& text = texts.emplace_back();
    text.name = name;
    text.file = file;
    text.length = static_cast<uint32_t>(text::lines(source).size());
    return text;
  };
  if (step.format == plan::Format::script) {
    const script::Script script = TRY(script::parse(step.name, step.source, step.language));
    Text& text = begin(step.name, step.file, step.source);
    for (const script::Command& command : script.commands) text.lines.push_back(command.line);
    return {};
  }
  for (const plan::DocumentPart& part : step.parts) {
    const script::Document document = TRY(
        script::read_document(plan::dialect_of(step.format), part.name, part.source, job.documents.reading));
    Text& text = begin(part.name, &part == &step.parts[step.main_part] ? step.file : part.name, part.source);
    for (const script::Case& test : document.cases) text.lines.push_back(test.line);
  }
  return {};
}

Result<std::vector<Text>> texts_of(const plan::Plan& plan) {
  std::vector<Text> texts;
  for (const plan::Job& job : plan.jobs) {
    if (job.error) continue;
    CHECK_OK(add_texts(job, job, texts));
    for (const plan::Step& step : job.further) CHECK_OK(add_texts(job, step, texts));
  }
  return texts;
}

bool is_meant(const Text& text, const std::string& file) {
  const auto is = [&](const std::string& whole) {
    const std::string wanted = file.starts_with("./") ? file.substr(2) : file;
    return whole == file || whole == wanted || whole.ends_with("/" + wanted);
  };
  return is(text.name) || is(text.file);
}

Error no_such_line(const Text& text, uint32_t line, const std::string& shown) {
  Error error = Error::usage(
      line > text.length || line == 0
          ? fmt::format("{}: {} has {} lines, and no line {}", shown, text.name, text.length, line)
          : fmt::format("{}: line {} of {} has no command", shown, line, text.name));
  if (text.lines.empty()) return error;
  uint32_t nearest = text.lines.front();
  const auto distance = [&](uint32_t one) { return one > line ? one - line : line - one; };
  for (const uint32_t one : text.lines)
    if (distance(one) < distance(nearest)) nearest = one;
  return std::move(error).hint(fmt::format("the nearest line with one is {}", nearest));
}

}  // namespace

std::optional<LineName> line_name(const std::string& word) {
  const size_t colon = word.rfind(':');
  const std::string number = colon == std::string::npos ? word : word.substr(colon + 1);
  LineName name;
  const char* last = number.data() + number.size();
  const auto [end, problem] = std::from_chars(number.data(), last, name.line);
  if (number.empty() || problem != std::errc() || end != last) return std::nullopt;
  if (colon != std::string::npos) name.file = word.substr(0, colon);
  return name;
}

Result<std::vector<interpret::Break>> breaks_of(const LineName& name, const plan::Plan& plan,
                                                const std::string& shown) {
  const std::vector<Text> texts = TRY(texts_of(plan));
  // A test that runs several times has a name of its own each time.
  std::set<std::string> names, files;
  for (const Text& text : texts) {
    names.insert(text.name);
    files.insert(text.file);
  }
  if (name.file.empty() && files.size() > 1)
    return Error::usage(fmt::format("{}: line {} of which file?", shown, name.line))
        .hint("FILE:LINE says it");
  std::vector<interpret::Break> breaks;
  const Text* lacking = nullptr;
  bool any = false;
  for (const Text& text : texts) {
    if (!name.file.empty() && !is_meant(text, name.file)) continue;
    any = true;
    if (std::find(text.lines.begin(), text.lines.end(), name.line) == text.lines.end()) {
      lacking = &text;
    } else if (!interpret::is_break(breaks, text.name, name.line)) {
      breaks.push_back({text.name, name.line});
    }
  }
  if (!breaks.empty()) return breaks;
  if (lacking != nullptr) return no_such_line(*lacking, name.line, shown);
  Error error = Error::usage(fmt::format("{}: no file {} runs", shown, text::quoted(name.file)));
  if (any || names.empty()) return error;
  const std::vector<std::string> all(names.begin(), names.end());
  if (const auto near = text::nearest(name.file, all))
    return std::move(error).hint(fmt::format("did you mean {}?", *near));
  return std::move(error).hint(fmt::format("{} does", all.front()));
}

Result<bool> wants_debugging(const Arguments& arguments) {
  const std::string by = arguments.flag("--debug") ? "--debug" : "--break";
  if (!arguments.flag("--debug") && arguments.values("--break").empty()) return false;
  for (const char* other : {"--json", "--tap", "--update"}) {
    if (arguments.flag(other)) return Error::usage(fmt::format("{} and {} exclude each other", by, other));
  }
  return true;
}

Result<std::vector<interpret::Break>> breaks_of(const Arguments& arguments, const plan::Plan& plan) {
  std::vector<interpret::Break> all;
  for (const std::string& word : arguments.values("--break")) {
    const auto name = line_name(word);
    if (!name || name->line == 0)
      return Error::usage(fmt::format("--break: {} names no line", text::quoted(word)))
          .hint("for example t.txt:7, or 7 where one file runs");
    for (interpret::Break& one : TRY(breaks_of(*name, plan, "--break"))) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace testctr::cmd
