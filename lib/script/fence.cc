#include "script/fence.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace testctr::script {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr size_t widest_indent = 3;

constexpr std::array<std::string_view, 2> languages = {"scrut", "testctr"};

Language language_of(std::string_view word) {
  for (std::string_view language : languages) {
    if (word == language) return Language::test;
    bool same = std::equal(word.begin(), word.end(), language.begin(), language.end(),
                           [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
    if (same) return Language::odd_test;
  }
  return Language::other;
}

/// The run of fence characters at the start of `line`: kind, length, indent. Nothing when it is too short.
std::optional<Fence> fence_run(std::string_view line) {
  Fence fence;
  while (fence.indent < line.size() && line[fence.indent] == ' ') {
    if (++fence.indent > widest_indent) return std::nullopt;
  }
  std::string_view run = line.substr(fence.indent);
  if (run.empty() || (run[0] != '`' && run[0] != '~')) return std::nullopt;
  fence.kind = run[0];
  fence.length = std::min(run.find_first_not_of(fence.kind), run.size());
  if (fence.length < 3) return std::nullopt;
  return fence;
}

bool is_rule(std::string_view line) {
  constexpr std::string_view rule = "---";
  return line.starts_with(rule) && line.find_first_not_of(blanks, rule.size()) == std::string_view::npos;
}

}  // namespace

std::optional<Fence> opening_fence(std::string_view line) {
  auto fence = fence_run(line);
  if (!fence) return std::nullopt;
  std::string_view info = text::trim(line.substr(fence->indent + fence->length));
  size_t end = std::min(info.find_first_of(" \t{"), info.size());
  fence->word = info.substr(0, end);
  fence->rest = text::trim(info.substr(end));
  fence->language = language_of(fence->word);
  if (fence->kind == '`' && info.find('`') != std::string_view::npos) {
    if (!fence->is_test() || !fence->rest.starts_with('{')) return std::nullopt;
    fence->broken = true;
  }
  return fence;
}

bool closes(const Fence& fence, std::string_view line) {
  auto run = fence_run(line);
  return run && run->kind == fence.kind && run->length >= fence.length &&
         line.find_first_not_of(blanks, run->indent + run->length) == std::string_view::npos;
}

bool hides_test(const Fence& fence, std::string_view line) {
  auto inner = opening_fence(line);
  return inner && inner->is_test() && inner->kind == fence.kind && inner->length >= fence.length;
}

size_t fence_indentation(const Fence& fence, std::string_view line) {
  size_t indent = 0;
  while (indent < fence.indent && indent < line.size() && line[indent] == ' ') ++indent;
  return indent;
}

std::optional<FrontMatter> read_front_matter(LineCursor& cursor) {
  LineCursor ahead = cursor;
  auto line = ahead.next();
  while (line && text::trim(line->text).empty()) line = ahead.next();
  if (!line || !is_rule(line->text)) return std::nullopt;
  FrontMatter matter{.line = line->number,
                     .closed = false,
                     .first = line->number + 1,
                     .inside = {line->whole.end, line->whole.end}};
  cursor = ahead;
  while ((line = ahead.next())) {
    if (is_rule(line->text)) {
      matter.closed = true;
      matter.inside.end = line->whole.begin;
      cursor = ahead;
      break;
    }
  }
  return matter;
}

}  // namespace testctr::script
