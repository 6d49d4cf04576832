#include "script/member_edit.h"

#include <algorithm>

#include "base/text.h"
#include "script/txtar.h"

namespace testctr::script {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Bytes that mean nothing in a word.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./-@%+=:,").find(c) != std::string_view::npos;
}

std::string text_of(const Word& word) {
  std::string text;
  for (const Fragment& fragment : word) text += fragment.text;
  return text;
}

/// Nothing where it has none of that name, or several.
const File* find_file(const Script& script, std::string_view name) {
  const File* found = nullptr;
  for (const File& file : script.files) {
    if (file.name != name) continue;
    if (found != nullptr) return nullptr;
    found = &file;
  }
  return found;
}

/// Where a file's data stands. That the source can lack its last line end, the data does not show.
Span span_of(const Script& script, const File& file) {
  return {file.offset, std::min(file.offset + file.data.size(), script.source.size())};
}

/// The beginning of a line. @param number 1-based
size_t offset_of_line(std::string_view source, uint32_t number) {
  size_t at = 0;
  while (--number > 0) {
    const size_t end = source.find('\n', at);
    if (end == std::string_view::npos) return source.size();
    at = end + 1;
  }
  return at == 0 && source.starts_with(byte_order_mark) ? byte_order_mark.size() : at;
}

/// In front of the first command: there the script is in $WORK.
Result<Edit> unquote_line(const Script& script, const NewMember& wanted) {
  if (script.commands.empty()) return Error::internal("a script without commands has compared something");
  const size_t at = offset_of_line(script.source, script.commands.front().line);
  const size_t end = script.source.find('\n', at);
  const bool crlf = end != std::string::npos && end != 0 && script.source[end - 1] == '\r';
  const std::string word = TRY(word_for(wanted.name));
  const bool named = word.starts_with("$WORK/") || word.starts_with("${WORK}/");
  return Edit{
      {at, at},
      fmt::format("unquote {}{}{}", wanted.at_start || named ? "" : "$WORK/", word, crlf ? "\r\n" : "\n")};
}

/// What was written is read again: with it every other member is to be what it was, and every line.
Status verify(const Script& before, const NewMember& wanted, const std::string& data, bool unquotes,
              const std::vector<Edit>& edits) {
  const Script after = TRY(parse(before.name, TRY(with_edits(before.source, edits)), before.language));
  const size_t added = unquotes ? 1 : 0;
  bool same =
      after.files.size() == before.files.size() && after.commands.size() == before.commands.size() + added;
  for (size_t i = 0; same && i < after.files.size(); ++i) {
    const File& file = after.files[i];
    same = file.name == before.files[i].name &&
           file.data == (file.name == wanted.name ? data : before.files[i].data);
  }
  for (size_t i = 0; same && i < before.commands.size(); ++i)
    same = after.commands[i + added].text == before.commands[i].text;
  if (same) return {};
  return Error::internal(
      fmt::format("{}: no way was found to write the file {}", before.name, text::quoted(wanted.name)));
}

}  // namespace

std::string command_of(const Command& line, bool& succeeds) {
  succeeds = line.want == Want::success;
  if (line.words.empty()) return line.name;
  for (const Word& word : line.words) {
    std::string text = text_of(word);
    if (text == "!" || text == "?") {
      succeeds = false;
    } else if (!text.starts_with('[')) {
      return text;
    }
  }
  return {};
}

bool needs_quotes(std::string_view content) {
  const auto lines = text::lines(content);
  return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    return marker_name(line).has_value();
  });
}

std::string quoted_member(std::string_view content) {
  std::string quoted;
  for (const std::string_view line : text::lines(content)) (quoted += '>') += line;
  return quoted;
}

Result<std::string> unquoted_member(std::string_view data) {
  if (data.empty()) return std::string();
  if (data.front() != '>')
    return Error::usage("it is not quoted: its first line does not begin with `>`")
        .hint("`unquote` takes one `>` from the beginning of each line that has it");
  if (data.back() != '\n') return Error::usage("it is not quoted: its last line has no end");
  std::string plain;
  for (std::string_view line : text::lines(data)) {
    if (line.starts_with('>')) line.remove_prefix(1);
    plain += line;
  }
  return plain;
}

bool is_unquoted(const Script& script, std::string_view name) {
  const std::string_view last = name.substr(name.rfind('/') + 1);
  for (const Command& command : script.commands) {
    bool succeeds = false;
    if (command_of(command, succeeds) != "unquote") continue;
    for (const Word& argument : command.words.empty() ? command.arguments : command.words) {
      const std::string word = text_of(argument);
      if (std::string_view(word).substr(word.rfind('/') + 1) == last) return true;
    }
  }
  return false;
}

Status can_be_member(std::string_view content) {
  if (content.empty() || content.ends_with('\n')) return {};
  return Error::usage("its last line has no end, which a file of a script always has")
      .hint("have the program write a line end, or compare with a pattern: stdout 'TEXT\\z'");
}

Result<std::string> word_for(std::string_view name) {
  std::string word;
  for (size_t i = 0; i < name.size();) {
    size_t end = i;
    while (end < name.size() && is_plain(name[end])) ++end;
    if (end == i && name[i] == '$') {
      ++end;
      if (end < name.size() && name[end] == '{') {
        while (end < name.size() && name[end] != '}') ++end;
        end = std::min(end + 1, name.size());
      }
      const std::string_view variable = name.substr(i, end - i);
      if (variable.find_first_of(" \t\r\n#'") != std::string_view::npos)
        return Error::usage(fmt::format("no line can say the name {}", text::quoted(name)))
            .hint("give the file a simpler name");
    }
    if (end != i) {
      word += name.substr(i, end - i);
      i = end;
      continue;
    }
    word += '\'';
    for (; end < name.size() && !is_plain(name[end]) && name[end] != '$'; ++end)
      word += name[end] == '\'' ? std::string("''") : std::string(1, name[end]);
    word += '\'';
    i = end;
  }
  return word;
}

Result<std::vector<Edit>> edits_for_member(const Script& script, const NewMember& wanted) {
  const File* file = find_file(script, wanted.name);
  if (file == nullptr)
    return Error::usage(fmt::format("{}: there is no file {} in it, or more than one", script.name,
                                    text::quoted(wanted.name)));
  const std::string place = fmt::format("{}:{}", script.name, file->line);
  CHECK_OK(can_be_member(wanted.content));
  const bool unquotes = !wanted.quoted && needs_quotes(wanted.content);
  const std::string data = wanted.quoted || unquotes ? quoted_member(wanted.content) : wanted.content;
  std::vector<Edit> edits;
  if (data == file->data && !unquotes) return edits;
  if (unquotes) edits.push_back(TRY_IN(unquote_line(script, wanted), place));
  Edit edit{span_of(script, *file), data};
  // A marker at the very end of the source may lack its line end.
  const bool open_marker = edit.span.begin == script.source.size() && !script.source.ends_with('\n');
  if (open_marker && !data.empty()) edit.text.insert(0, "\n");
  edits.push_back(std::move(edit));
  CHECK_OK(verify(script, wanted, data, unquotes, edits));
  return edits;
}

}  // namespace testctr::script
