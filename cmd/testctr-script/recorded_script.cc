#include "recorded_script.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/text.h"
#include "script/txtar.h"
#include "typed_shell.h"

namespace testctr::cmd {
namespace {

constexpr size_t longest_word = 100;  // that stands in a line itself
constexpr size_t longest_pattern = size_t{4} << 10;
constexpr size_t longest_bytes = size_t{64} << 10;
constexpr int most_runs = 200;
// `ls` and `*` do not see it.
constexpr std::string_view kept_in = ".expected";

// Which a shell carries out itself, and no program can.
constexpr std::string_view shell_words =
    " cd export set unset alias unalias type ulimit umask read eval source . : command exec exit return trap "
    "wait "
    "jobs bg fg if while until for case { ! time local let function declare shopt builtin hash shift select ";

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_of("$'\"\\`*?[]{}<>|&;()#~=!%^\t\n") == std::string_view::npos;
}

std::string script_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
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

/// Bytes as the text of a file, and the words that make `replace` put the bytes back.
struct Spelled {
  std::string text, pairs;
};

Spelled spelled(std::string_view bytes) {
  Spelled all;
  std::array<bool, 256> seen{};
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    // What begins a line might be a marker.
    const bool marks = c == '-' && (all.text.empty() || all.text.ends_with('\n'));
    if ((byte >= 0x20 && byte < 0x7f && c != '\\' && !marks) || c == '\n' || c == '\t') {
      all.text += c;
      continue;
    }
    const std::string code = fmt::format("x{:02x}", byte);
    all.text += "\\" + code;
    if (!std::exchange(seen[byte], true)) all.pairs += fmt::format(" '\\\\{0}' '\\{0}'", code);
  }
  if (!all.text.ends_with('\n')) {
    all.text += "\\end\n";
    all.pairs += " '\\\\end\\n' ''";
  }
  return all;
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
    } else if (text.size() <= longest_bytes && (!text::is_utf8(text) || text.size() > longest_pattern)) {
      compare_bytes(stream, text, number);
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
  /// A file of the archive. @return its path in a script
  std::string file(const std::string& name, std::string_view text) {
    files_ += fmt::format("-- {}/{} --\n{}", kept_in, name, text);
    return fmt::format("$WORK/{}/{}", kept_in, name);
  }
  [[nodiscard]] uint32_t count() const { return lines_; }
  [[nodiscard]] std::string source() const { return script_ + files_; }

 private:
  void compare(std::string_view stream, const std::string& text, size_t number) {
    const std::string name = fmt::format("{}.{}", number, stream);
    std::string path;
    if (has_markers(text)) {
      std::string marked;
      for (std::string_view one : text::lines(text)) marked += fmt::format(">{}", one);
      path = file(name, marked);
      line("unquote " + path);
    } else {
      path = file(name, text);
    }
    line(fmt::format("cmp {} {}", stream, path));
  }

  void compare_bytes(std::string_view stream, const std::string& bytes, size_t number) {
    const Spelled all = spelled(bytes);
    const std::string path = file(fmt::format("{}.{}", number, stream), all.text);
    line(fmt::format("replace{} {}", all.pairs, path));
    line(fmt::format("cmp {} {}", stream, path));
  }

  std::string script_, files_;
  uint32_t lines_ = 0;
};

/// What is expected of a command: its place in the script that was written, and what of it is not compared.
struct Expected {
  struct Part {
    uint32_t first = 0, last = 0;  ///< lines
    bool loose = false;
    [[nodiscard]] bool has(uint32_t line) const { return line >= first && line <= last; }
  };
  Part status, out, err;
};

std::string prefix_of(const ObservedLine& observed) {
  if (!observed.signal.empty()) return "! ";
  return observed.status == 0 ? "" : fmt::format("!{} ", observed.status);
}

void write_stream(Writer& writer, const char* stream, const std::string& text, size_t number,
                  Expected::Part& part) {
  part.first = writer.count() + 1;
  if (part.loose) {
    writer.line(fmt::format("# What it prints to {} is different each time.", stream));
  } else {
    writer.expect(stream, text, number);
  }
  part.last = writer.count();
}

/// The line that does it, and what that needs of the archive.
std::string line_of(const TypedCommand& command, size_t number, Writer& writer) {
  if (!command.several) return command.line;
  return "exec sh " + writer.file(fmt::format("{}.sh", number), command.typed + "\n");
}

std::string written(const std::vector<TypedCommand>& commands, const std::vector<ObservedLine>& observed,
                    std::vector<Expected>& expected) {
  Writer writer;
  for (size_t i = 0; i < commands.size(); ++i) {
    const ObservedLine& seen = observed[i];
    const TypedCommand& command = commands[i];
    if (i > 0) writer.line("");
    if (!command.left_out.empty()) {
      writer.line("# Left out: " + command.typed.substr(0, command.typed.find('\n')));
      continue;
    }
    if (command.program && !command.plain && !command.several &&
        command.typed.find_first_of("'") != std::string::npos)
      writer.line("# " + command.typed);
    Expected& wanted = expected[i];
    const std::string does = line_of(command, i + 1, writer);
    wanted.status.first = writer.line((wanted.status.loose ? "? " : prefix_of(seen)) + does);
    if (!command.program) continue;
    if (!seen.signal.empty() && !wanted.status.loose) writer.line("status " + seen.signal);
    wanted.status.last = writer.count();
    if (seen.cut) {
      writer.line("# It prints too much to be compared.");
      continue;
    }
    write_stream(writer, "stdout", seen.out, i + 1, wanted.out);
    write_stream(writer, "stderr", seen.err, i + 1, wanted.err);
  }
  return writer.source();
}

/// A line for each command, so that what happens at it is known to be that one's.
std::string bare(const std::vector<TypedCommand>& commands) {
  Writer writer;
  for (size_t i = 0; i < commands.size(); ++i) {
    const TypedCommand& command = commands[i];
    if (!command.left_out.empty()) {
      writer.line("");
      continue;
    }
    writer.line((command.program ? "? " : "") + line_of(command, i + 1, writer));
  }
  return writer.source();
}

/// The command that was carried out when all came to its end.
TypedCommand* last_seen(std::vector<TypedCommand>& commands, const LineObserver& seen) {
  const uint32_t line = seen.lines().empty() ? 0 : seen.lines().rbegin()->first;
  if (line == 0 || line > commands.size() || !commands[line - 1].left_out.empty()) return nullptr;
  return &commands[line - 1];
}

/// Runs the bare commands until every line could be carried out, or is left out.
Result<std::vector<ObservedLine>> observe(std::vector<TypedCommand>& commands, const RunScript& run) {
  const auto is_left_out = [](const TypedCommand& command) { return !command.left_out.empty(); };
  for (int i = 0; i < most_runs; ++i) {
    if (std::all_of(commands.begin(), commands.end(), is_left_out))
      return std::vector<ObservedLine>(commands.size());
    const LineObserver seen = TRY(run(bare(commands)));
    std::vector<ObservedLine> all(commands.size());
    bool again = false;
    for (const auto& [line, observed] : seen.lines()) {
      if (line == 0 || line > commands.size()) continue;
      TypedCommand& command = commands[line - 1];
      all[line - 1] = observed;
      if (!observed.failed) continue;
      // What was killed for its time or output would be so again, whoever starts it.
      const bool ran = observed.reason.find(" was killed") != std::string::npos;
      if ((command.plain || !command.program) && !ran) {
        command = by_shell(command.typed);
      } else {
        command.left_out = observed.reason;
      }
      again = true;
    }
    if (again) continue;
    if (seen.ended().outcome == Outcome::pass) return all;
    TypedCommand* last = last_seen(commands, seen);
    if (last == nullptr || seen.ended().text.empty())
      return Error::infrastructure(fmt::format("the commands could not be run again: {}", seen.ended().text));
    last->left_out = seen.ended().text;
  }
  return Error::infrastructure("the commands end otherwise each time");
}

/// What did not hold is not compared any more. @return why, or nothing where it was none of this command's
std::optional<std::string> loosen(uint32_t line, Expected& expected, const Observed& seen,
                                  const ObservedLine& first) {
  struct Looked {
    Expected::Part& part;
    const char* name;
  };
  for (const Looked& looked : {Looked{expected.status, "how it ends"}, Looked{expected.out, "what it prints"},
                               Looked{expected.err, "what it prints to stderr"}}) {
    if (!looked.part.has(line) || looked.part.loose) continue;
    looked.part.loose = true;
    if (&looked.part == &expected.status)
      return fmt::format("{} is different each time, and is not compared ({})", looked.name,
                         seen.at(line).reason);
    const auto now = seen.find(expected.status.first);
    const bool out = &looked.part == &expected.out;
    const auto shows = [&](const ObservedLine& one) {
      return (out ? one.out : one.err).find(kept_in) != std::string::npos;
    };
    if (now != seen.end() && shows(now->second) && !shows(first))
      return fmt::format("{} is not compared: it shows {}, where the script keeps what it expects",
                         looked.name, kept_in);
    return fmt::format("{} is different each time, and is not compared", looked.name);
  }
  return std::nullopt;
}

/// A command as people are told of it.
std::string told(const TypedCommand& command) { return shown_command(command.typed); }

}  // namespace

std::string shown_command(const std::string& typed) {
  const size_t end = typed.find('\n');
  return end == std::string::npos ? typed : typed.substr(0, end) + " ...";
}

TypedCommand by_shell(const std::string& typed) {
  TypedCommand command{typed, "exec sh -c " + script_quoted(typed), /*program=*/true, /*plain=*/false};
  if (typed.find('\n') == std::string::npos) return command;
  // Where a file of the archive cannot have them, as at a prompt, they stand in one line.
  std::string spelled_out;
  for (const char c : typed) spelled_out += c == '\n' ? "\\n" : c == '\\' ? "\\\\" : std::string(1, c);
  command.line =
      "exec sh -c " + script_quoted("eval \"$(printf %b \"$1\")\"") + " sh " + script_quoted(spelled_out);
  command.several = is_text(typed + "\n") && !has_markers(typed + "\n");
  return command;
}

std::optional<std::string> lost_effect(const TypedCommand& command) {
  if (!command.program || command.plain) return std::nullopt;
  const std::string word = command.typed.substr(0, command.typed.find_first_of(" \t\n;&|<>"));
  constexpr std::string_view lasting =
      " cd export set unset alias unalias ulimit umask source . shift trap hash let declare shopt local "
      "readonly eval ";
  const bool defines = word.ends_with("()") || word == "function";
  if (!defines && !is_among(word, lasting)) return std::nullopt;
  return fmt::format(
      "{}: this has no effect on the commands after it, which in a script have a shell of "
      "their own each",
      shown_command(command.typed));
}

TypedCommand typed_command(const std::string& typed) {
  std::vector<std::string> words;
  for (std::string& word : text::split(typed, ' '))
    if (!word.empty()) words.push_back(std::move(word));
  if (words.empty() || typed.find('\n') != std::string::npos) return by_shell(typed);
  const auto meant = words_for_script(typed);
  if (meant && meant->front() == "cd" && meant->size() <= 2 && meant->back() != "-")
    return {typed, "cd " + (meant->size() == 2 ? meant->back() : "${HOME}"), false, false};
  const bool exports = meant && meant->front() == "export" && meant->size() > 1;
  // `export NAME` says nothing new: what is set here is in the environment of all.
  const auto sets = [&](const std::string& word) {
    const size_t equals = word.find('=');
    return is_variable_name(word.substr(0, equals)) && (equals != std::string::npos || exports);
  };
  if (meant && std::all_of(meant->begin() + (exports ? 1 : 0), meant->end(), sets)) {
    std::string line = "env";
    for (const std::string& word : *meant)
      if (word.find('=') != std::string::npos) line += " " + word;
    if (line == "env") line = "# " + typed;
    return {typed, line, false, false};
  }
  const bool plain =
      std::all_of(words.begin(), words.end(), is_plain) && !is_among(words.front(), shell_words);
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
  RecordedScript recorded;
  for (const TypedCommand& command : commands) {
    if (command.left_out.empty()) {
      ++recorded.commands;
    } else {
      recorded.notes.push_back(fmt::format("{}: left out: {}", told(command), command.left_out));
    }
  }
  if (recorded.commands == 0) return recorded;
  std::vector<Expected> expected(commands.size());
  // What tells the time is to be found out.
  wait_for_next_second();
  for (size_t rounds = 0; rounds <= 3 * commands.size(); ++rounds) {
    recorded.source = written(commands, observed, expected);
    const LineObserver seen = TRY(run(recorded.source));
    if (seen.ended().outcome == Outcome::pass) return recorded;
    if (seen.ended().outcome != Outcome::fail) return Error::infrastructure(seen.ended().text);
    bool any = false;
    for (const auto& [line, what] : seen.lines()) {
      if (!what.failed) continue;
      for (size_t i = 0; i < expected.size(); ++i) {
        const auto why = loosen(line, expected[i], seen.lines(), observed[i]);
        if (!why) continue;
        any = true;
        recorded.notes.push_back(fmt::format("{}: {}", told(commands[i]), *why));
      }
    }
    if (!any) break;
  }
  return Error::infrastructure("the script that was recorded does not pass");
}

void wait_for_next_second() {
  for (const time_t now = ::time(nullptr); ::time(nullptr) == now;) (void)::usleep(10'000);
}

}  // namespace testctr::cmd
