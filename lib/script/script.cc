// Puts a script together from its archive: phases, commands, files.
#include "script/script.h"

#include <map>

#include "base/text.h"
#include "script/line.h"
#include "script/txtar.h"

namespace testctr::script {
namespace {

constexpr std::string_view language_names[] = {"testctr", "rsc", "testscript", "cmdgo"};
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

Status parse_comment(Script& script, std::string_view comment) {
  uint32_t number = 0;
  for (std::string_view line : text::lines(comment)) {
    Place place{script.name, ++number};
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (number == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    if (line.starts_with('#')) {
      script.phases.push_back(
          {number, std::string(text::trim(line.substr(1))), static_cast<uint32_t>(script.commands.size())});
      continue;
    }
    if (std::optional<Section> section = TRY(parse_section(place, line))) {
      section->first = static_cast<uint32_t>(script.commands.size());
      script.sections.push_back(*std::move(section));
      continue;
    }
    std::optional<Command> command =
        script.language == Language::testctr ? TRY(parse_line(place, line)) : parse_words(place, line);
    if (!command) continue;
    script.commands.push_back(*std::move(command));
  }
  return {};
}

/// What can be said against a name before its variables are known; the rest is found when the file is
/// written.
Status check_name(const Script& script, const Member& member) {
  Place place{script.name, member.line};
  if (member.name.find('\0') != std::string_view::npos)
    return line_error(place, 3, "a NUL byte in the name of a file");
  if (member.name.starts_with('/')) {
    return line_error(place, 3, fmt::format("the file {} has an absolute name", text::quoted(member.name)))
        .hint("names of files are relative to $WORK");
  }
  int depth = 0;
  for (const std::string& part : text::split(member.name, '/')) {
    if (part == "..") --depth;
    if (!part.empty() && part != "." && part != "..") ++depth;
    if (depth < 0) {
      return line_error(place, 3,
                        fmt::format("the file {} would lie outside $WORK", text::quoted(member.name)))
          .hint("names of files are relative to $WORK");
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(Language language) { return language_names[static_cast<size_t>(language)]; }

Result<Language> language_from_string(std::string_view name) {
  for (size_t i = 0; i < std::size(language_names); ++i) {
    if (language_names[i] == name) return static_cast<Language>(i);
  }
  return Error::usage(fmt::format("{} is no dialect of scripts", text::quoted(name)))
      .hint("there are testctr, rsc, testscript and cmdgo");
}

Result<Script> parse(std::string name, std::string_view source, Language language) {
  Script script;
  script.name = std::move(name);
  script.language = language;
  script.source = source;
  const Nameless nameless = language == Language::testctr ? Nameless::error : Nameless::text;
  Archive archive = TRY(split_archive(script.name, source, nameless));
  CHECK_OK(parse_comment(script, archive.comment));
  std::map<std::string_view, uint32_t> lines;
  for (const Member& member : archive.members) {
    const bool ours = language == Language::testctr;
    if (ours) CHECK_OK(check_name(script, member));
    auto [known, fresh] = lines.emplace(member.name, member.line);
    if (ours && !fresh) {
      return line_error(
                 {script.name, member.line}, 3,
                 fmt::format("the file {} is in line {} already", text::quoted(member.name), known->second))
          .hint("each file of a script has a name of its own");
    }
    File file{std::string(member.name), member.line, member.offset, std::string(member.data)};
    if (!file.data.empty() && !file.data.ends_with('\n')) file.data += '\n';
    script.files.push_back(std::move(file));
  }
  return script;
}

}  // namespace testctr::script
