#include "recorded_script.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "script/txtar.h"

namespace testctr::cmd {
namespace {

constexpr size_t longest_word = 100;  // that stands in a line itself
constexpr size_t longest_pattern = size_t{4} << 10;
constexpr int most_runs = 200;

// Which a shell carries out itself, and no program can.
constexpr std::array<std::string_view, 40> shell_words{
    "cd",   "export", "set", "unset",    "alias",   "unalias", "type",    "ulimit", "umask", "read",
    "eval", "source", ".",   ":",        "command", "exec",    "exit",    "return", "trap",  "wait",
    "jobs", "bg",     "fg",  "if",       "while",   "until",   "for",     "case",   "{",     "!",
    "time", "local",  "let", "function", "declare", "shopt",   "builtin", "hash",   "shift", "select"};

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_of("$'\"\\`*?[]{}<>|&;()#~=!%^\t") == std::string_view::npos;
}

std::string script_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

bool is_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && fits(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return fits(c) || (c >= '0' && c <= '9'); });
}

/// `NAME=VALUE` where the value means itself.
bool is_setting(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || !is_name(word.substr(0, equals))) return false;
  return equals + 1 == word.size() || is_plain(word.substr(equals + 1));
}

/// Whether a text can stand in an archive as a file, but for lines that are markers.
bool is_text(std::string_view text) {
  return text.ends_with('\n') && text::is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
         });
}

bool has_markers(std::string_view text) {
  const std::string whole(text);
  for (std::string_view line : text::lines(whole))
    if (script::marker_name(line.substr(0, line.find('\n')))) return true;
  return false;
}

/// A regular expression for these bytes alone; what is no UTF-8 is compared as U+FFFD.
std::string literal_pattern(std::string_view bytes) {
  std::string pattern;
  const std::string text = text::to_utf8(bytes);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      pattern += fmt::format("\\x{:02x}", byte);
    } else {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
  }
  return pattern;
}

class Writer {
 public:
  /// The lines for one output of the command at `number`.
  void expect(std::string_view stream, const std::string& text, size_t number) {
    if (text.empty()) {
      line(fmt::format("! {} '(?s).'", stream));
    } else if (text.size() <= longest_word && text.find('\n') == text.size() - 1 && is_text(text)) {
      line(fmt::format("{} {}", stream,
                       script_quoted("\\A" + literal_pattern(text.substr(0, text.size() - 1)) + "\\n\\z")));
    } else if (is_text(text)) {
      compare(stream, text, number);
    } else {
      const bool whole = text.size() <= longest_pattern;
      if (!whole) line(fmt::format("# The first {} of {} bytes:", longest_pattern, text.size()));
      line(fmt::format(
          "{} {}", stream,
          script_quoted("\\A" + literal_pattern(text.substr(0, longest_pattern)) + (whole ? "\\z" : ""))));
    }
  }
  /// @return its number
  uint32_t line(const std::string& text) {
    script_ += text + "\n";
    return ++lines_;
  }
  [[nodiscard]] uint32_t count() const { return lines_; }
  [[nodiscard]] std::string source() const { return script_ + files_; }

 private:
  void compare(std::string_view stream, const std::string& text, size_t number) {
    const std::string name = fmt::format("expected/{}.{}", number, stream);
    files_ += fmt::format("-- {} --\n", name);
    if (has_markers(text)) {
      line("unquote $WORK/" + name);
      for (std::string_view one : text::lines(text)) files_ += fmt::format(">{}", one);
    } else {
      files_ += text;
    }
    line(fmt::format("cmp {} $WORK/{}", stream, name));
  }

  std::string script_, files_;
  uint32_t lines_ = 0;
};

/// What is expected of a command: its place in the script that was written, and what of it is not compared.
struct Expected {
  uint32_t first = 0, last = 0;  ///< lines
  bool loose = false;
};

std::string prefix_of(const ObservedLine& observed) {
  if (!observed.signal.empty()) return "! ";
  return observed.status == 0 ? "" : fmt::format("!{} ", observed.status);
}

std::string written(const std::vector<TypedCommand>& commands, const std::vector<ObservedLine>& observed,
                    std::vector<Expected>& expected) {
  Writer writer;
  for (size_t i = 0; i < commands.size(); ++i) {
    const ObservedLine& seen = observed[i];
    if (i > 0) writer.line("");
    if (commands[i].line != commands[i].typed && commands[i].program && !commands[i].plain &&
        commands[i].typed.find_first_of("'") != std::string::npos)
      writer.line("# " + commands[i].typed);
    expected[i].first = writer.line((expected[i].loose ? "? " : prefix_of(seen)) + commands[i].line);
    expected[i].last = expected[i].first;
    if (!commands[i].program) continue;
    if (expected[i].loose) {
      expected[i].last = writer.line("# What it prints is different each time.");
      continue;
    }
    if (!seen.signal.empty()) writer.line("status " + seen.signal);
    if (seen.cut) {
      expected[i].last = writer.line("# It prints too much to be compared.");
      continue;
    }
    writer.expect("stdout", seen.out, i + 1);
    writer.expect("stderr", seen.err, i + 1);
    expected[i].last = writer.count();
  }
  return writer.source();
}

std::string bare(const std::vector<TypedCommand>& commands) {
  std::string source;
  for (const TypedCommand& command : commands) source += (command.program ? "? " : "") + command.line + "\n";
  return source;
}

/// Runs the bare commands until every line could be carried out.
Result<std::vector<ObservedLine>> observe(std::vector<TypedCommand>& commands, const RunScript& run) {
  for (int i = 0; i < most_runs; ++i) {
    const LineObserver seen = TRY(run(bare(commands)));
    if (seen.ended().outcome == Outcome::error) return Error::infrastructure(seen.ended().text);
    std::vector<ObservedLine> all(commands.size());
    bool again = false;
    for (const auto& [line, observed] : seen.lines()) {
      if (line == 0 || line > commands.size()) continue;
      TypedCommand& command = commands[line - 1];
      all[line - 1] = observed;
      if (!observed.failed) continue;
      if (!command.plain && command.program)
        return Error::usage(fmt::format("{}: {}", command.typed, observed.reason));
      command = by_shell(command.typed);
      again = true;
    }
    if (!again && seen.ended().outcome == Outcome::pass) return all;
    if (!again)
      return Error::infrastructure(fmt::format("the commands could not be run again: {}", seen.ended().text));
  }
  return Error::infrastructure("the commands end otherwise each time");
}

}  // namespace

TypedCommand by_shell(const std::string& typed) {
  return {typed, "exec sh -c " + script_quoted(typed), /*program=*/true, /*plain=*/false};
}

TypedCommand typed_command(const std::string& typed) {
  std::vector<std::string> words;
  for (std::string& word : text::split(typed, ' '))
    if (!word.empty()) words.push_back(std::move(word));
  if (words.empty()) return by_shell(typed);
  if (words.front() == "cd" && words.size() == 2 && is_plain(words[1]) && words[1] != "-")
    return {typed, "cd " + words[1], false, false};
  const bool exports = words.front() == "export" && words.size() > 1;
  if (std::all_of(words.begin() + (exports ? 1 : 0), words.end(), is_setting))
    return {typed, "env " + text::join(std::span(words).subspan(exports ? 1 : 0), " "), false, false};
  const bool plain = std::all_of(words.begin(), words.end(), is_plain) &&
                     std::find(shell_words.begin(), shell_words.end(), words.front()) == shell_words.end();
  if (!plain) return by_shell(typed);
  return {typed, "exec " + text::join(words, " "), true, true};
}

void LineObserver::take(const Event& event) {
  if (event.kind == Event::Kind::script_ended) {
    ended_ = event;
    return;
  }
  ObservedLine& line = lines_[event.line];
  switch (event.kind) {
    case Event::Kind::output:
      (event.stream == "stderr" ? line.err : line.out) += event.text;
      return;
    case Event::Kind::failure:
      line.failed = true;
      line.reason = event.failure.reason;
      return;
    case Event::Kind::note: {
      const std::string_view text = event.text;
      constexpr std::string_view status = "[exit status ", signal = "(SIG";
      if (text.ends_with("are not shown]")) line.cut = true;
      if (text.starts_with(status))
        (void)std::from_chars(text.data() + status.size(), text.data() + text.size(), line.status);
      if (const size_t at = text.find(signal); text.starts_with("[signal: ") && at != std::string_view::npos)
        line.signal = text.substr(at + 1, text.find(')', at) - at - 1);
      return;
    }
    default:
      return;
  }
}

Result<RecordedScript> record_script(const std::vector<std::string>& typed, const RunScript& run) {
  std::vector<TypedCommand> commands;
  for (const std::string& one : typed) commands.push_back(typed_command(one));
  const std::vector<ObservedLine> observed = TRY(observe(commands, run));
  std::vector<Expected> expected(commands.size());
  RecordedScript recorded;
  for (size_t rounds = 0; rounds <= commands.size(); ++rounds) {
    recorded.source = written(commands, observed, expected);
    const LineObserver seen = TRY(run(recorded.source));
    if (seen.ended().outcome == Outcome::pass) return recorded;
    if (seen.ended().outcome != Outcome::fail) return Error::infrastructure(seen.ended().text);
    bool any = false;
    for (const auto& [line, what] : seen.lines()) {
      if (!what.failed) continue;
      for (size_t i = 0; i < expected.size(); ++i) {
        if (line < expected[i].first || line > expected[i].last || expected[i].loose) continue;
        expected[i].loose = any = true;
        recorded.notes.push_back(
            fmt::format("{}: what it prints is different each time, and is not compared ({})",
                        commands[i].typed, what.reason));
      }
    }
    if (!any) break;
  }
  return Error::infrastructure("the script that was recorded does not pass");
}

}  // namespace testctr::cmd
