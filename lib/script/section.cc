// Section lines, and what a script says of containers.
#include <algorithm>

#include "base/text.h"
#include "script/line.h"

namespace testctr::script {
namespace {

struct SectionWord {
  size_t offset = 0;
  std::string text;
};

/// The words between the brackets' ends, blanks apart. A `#` that begins a word ends the line.
std::vector<SectionWord> words_of(std::string_view line) {
  std::vector<SectionWord> words;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
      ++i;
      continue;
    }
    if (line[i] == '#') break;
    size_t end = i;
    while (end < line.size() && line[end] != ' ' && line[end] != '\t' && line[end] != '\r' &&
           line[end] != '#')
      ++end;
    words.push_back({i, std::string(line.substr(i, end - i))});
    i = end;
  }
  return words;
}

constexpr const char* forms =
    "a section begins with [host], [container], [container IMAGE] or [container IMAGE as NAME]";

bool is_constant(const Word& word) {
  return std::all_of(word.begin(), word.end(), [](const Fragment& fragment) {
    return fragment.quoted || fragment.text.find('$') == std::string::npos;
  });
}

}  // namespace

std::string Section::place() const {
  if (host) return "host";
  if (!name.empty()) return name;
  return image.empty() ? "container" : image;
}

bool is_container_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || name.size() > 63 || !plain(name.front())) return false;
  if (name == "host" || name == "container" || name == "localhost") return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '-' || c == '_' || c == '.'; });
}

Result<std::optional<Section>> parse_section(const Place& place, std::string_view line) {
  std::vector<SectionWord> words = words_of(line);
  if (words.empty()) return std::optional<Section>{};
  Section section;
  section.line = place.line;
  section.column = static_cast<uint32_t>(words[0].offset + 1);
  const std::string& first = words[0].text;
  const bool alone = words.size() == 1;
  if (first == "[host]" || first == "[container]") {
    if (!alone) return std::optional<Section>{};  // a condition of that name, which the interpreter knows not
    section.host = first == "[host]";
    return std::optional<Section>(std::move(section));
  }
  if (first == "[host") return line_error(place, words[0].offset, "[host] takes no words").hint(forms);
  if (first != "[container") return std::optional<Section>{};
  SectionWord& last = words.back();
  if (!last.text.ends_with(']'))
    return line_error(place, last.offset + last.text.size(), "the section's line does not end with `]`")
        .hint(forms);
  last.text.pop_back();
  if (last.text.empty()) words.pop_back();
  const bool named = words.size() == 4 && words[2].text == "as";
  if (words.size() != 2 && !named) {
    return line_error(place, words[std::min<size_t>(2, words.size() - 1)].offset, "not a section")
        .hint(forms);
  }
  section.image = words[1].text;
  if (section.image.find('$') != std::string::npos) {
    return line_error(place, words[1].offset, "the image of a section is written out, without variables")
        .hint("`testctr start $IMAGE NAME --enter` takes one from a variable");
  }
  if (!named) return std::optional<Section>(std::move(section));
  section.name = words[3].text;
  if (!is_container_name(section.name)) {
    return line_error(place, words[3].offset,
                      fmt::format("{} cannot name a container", text::quoted(section.name)))
        .hint(
            "letters, digits, `-`, `_` and `.`, a letter or a digit first, at most 63; not host, container "
            "or localhost");
  }
  return std::optional<Section>(std::move(section));
}

std::vector<std::optional<std::string>> testctr_words(const Command& command) {
  std::vector<std::optional<std::string>> words;
  const Command* meant = &command;
  std::optional<Command> inner;
  while (words_before_inner(*meant)) {
    auto next = inner_command(*meant);
    if (!next.ok()) return words;
    inner = std::move(next).value();
    meant = &*inner;
  }
  if (meant->name != "testctr") return words;
  for (const Word& word : meant->arguments) {
    if (!is_constant(word)) {
      words.emplace_back();
      continue;
    }
    std::string text;
    for (const Fragment& fragment : word) text += fragment.text;
    words.emplace_back(std::move(text));
  }
  return words;
}

}  // namespace testctr::script
