#include "interpret/debugger.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "interpret/debug_files.h"
#include "interpret/terminal_session.h"

namespace testctr::interpret {
namespace {

constexpr size_t most_pending = size_t{256} << 10;
constexpr size_t most_value = 4000;
constexpr uint32_t lines_around = 5;

enum class Word : uint8_t { next, go_on, again, list, out, err, files, cat, ls, env, shell, quit, help };

struct WordInfo {
  Word word;
  std::string_view name, letter, usage, summary;
};

constexpr std::array words{
    WordInfo{Word::next, "next", "n", "", "run the next line, and stop behind it"},
    WordInfo{Word::go_on, "continue", "c", "", "run the rest; what has failed stays a failure of the test"},
    WordInfo{Word::again, "again", "a", "", "run the line that failed once more, here alone"},
    WordInfo{Word::list, "list", "l", " [LINE]", "the lines around this one, or that one"},
    WordInfo{Word::out, "stdout", "", "", "what the last command printed"},
    WordInfo{Word::err, "stderr", "", "", "and what it printed there"},
    WordInfo{Word::files, "files", "", " [PATTERN]", "what is below $WORK"},
    WordInfo{Word::ls, "ls", "", " [FOLDER]", "what is in a folder"},
    WordInfo{Word::cat, "cat", "", " FILE...", "files"},
    WordInfo{Word::env, "env", "", " [NAME]", "variables"},
    WordInfo{Word::shell, "shell", "", "", "the image's shell, here, with what is exported"},
    WordInfo{Word::quit, "quit", "q", "", "end this test as it stands"},
    WordInfo{Word::help, "help", "h", "", "this"}};

const WordInfo* find_word(std::string_view name) {
  const auto found = std::find_if(words.begin(), words.end(), [&](const WordInfo& info) {
    return name == info.name || (!info.letter.empty() && name == info.letter);
  });
  return found == words.end() ? nullptr : &*found;
}

std::vector<std::string> split_words(const std::string& line) {
  std::vector<std::string> all;
  for (std::string& word : text::split(line, ' '))
    if (std::string trimmed(text::trim(word)); !trimmed.empty()) all.push_back(std::move(trimmed));
  return all;
}

/// Whether a word means itself, in scripts and in shells.
bool is_plain(const std::string& word) {
  return !word.starts_with('-') && word.find_first_of("$'\"\\`*?[]<>|&;()=#~") == std::string::npos;
}

/// The prompt's own word, or nothing where the line is one of the script's: these have `stdout PATTERN`, `env
/// NAME=VALUE`, a `cat` with variables in it.
const WordInfo* own_word(const std::string& line, const std::vector<std::string>& typed) {
  if (line.starts_with(' ') || line.starts_with('\t') || typed.empty()) return nullptr;
  const WordInfo* info = find_word(typed.front());
  if (info == nullptr) return nullptr;
  const size_t given = typed.size() - 1;
  const bool plain = std::all_of(typed.begin() + 1, typed.end(), is_plain);
  switch (info->word) {
    case Word::files:
      return given <= 1 ? info : nullptr;
    case Word::cat:
      return given >= 1 && plain ? info : nullptr;
    case Word::list:
    case Word::ls:
    case Word::env:
      return given <= 1 && plain ? info : nullptr;
    default:
      return given == 0 ? info : nullptr;
  }
}

std::string with_end(std::string_view text) {
  std::string whole(text);
  if (!whole.empty() && !whole.ends_with('\n')) whole += '\n';
  return whole;
}

std::string indented(std::string_view value) {
  std::string text;
  const std::string shown(value.substr(0, most_value));
  for (std::string_view line : text::lines(shown)) text += fmt::format("    {}", line);
  text = with_end(text);
  if (value.size() > most_value) text += fmt::format("    [{} more bytes]\n", value.size() - most_value);
  return text;
}

std::string shown_failure(const Event& event) {
  const Failure& failure = event.failure;
  std::string command = failure.command;
  if (const size_t end = command.find('\n'); end != std::string::npos)
    command = command.substr(0, end) + " ...";
  std::string text =
      fmt::format("line {}: {}{}{}\n", event.line, command, command.empty() ? "" : ": ", failure.reason);
  if (!failure.diff.empty()) {
    text += indented(failure.diff);
  } else {
    if (!failure.expected.empty()) text += "  expected:\n" + indented(failure.expected);
    if (!failure.actual.empty()) text += "  actual:\n" + indented(failure.actual);
  }
  if (!failure.hint.empty()) text += fmt::format("  hint: {}\n", failure.hint);
  return text;
}

std::string listing(std::string_view source, uint32_t from, uint32_t to, uint32_t marked) {
  std::string text;
  uint32_t number = 0;
  for (std::string_view line : text::lines(source)) {
    if (++number < from) continue;
    if (number > to) break;
    text += fmt::format("{} {:>4}  {}", number == marked ? "=>" : "  ", number, with_end(line));
  }
  return text;
}

}  // namespace

/// One stop, while it lasts.
struct Debugger::Prompt {
  Debugger& debugger;
  Session& session;
  Debugged& here;
  const Stop& at;

  [[nodiscard]] Console& console() const { return *debugger.setting_.console; }
  void print(std::string_view text) const { console().print(with_end(text)); }

  Go serve() {
    for (;;) {
      const std::optional<std::string> line = console().ask("(debug) ");
      if (!line) return Go::quit;
      if (text::trim(*line).empty()) continue;
      const std::vector<std::string> typed = split_words(*line);
      const WordInfo* word = own_word(*line, typed);
      if (word == nullptr) {
        carry_out(*line, typed);
      } else if (const auto go = obey(word->word, typed)) {
        return *go;
      }
    }
  }

  std::optional<Go> obey(Word word, const std::vector<std::string>& typed) {
    const std::string argument = typed.size() > 1 ? typed[1] : "";
    switch (word) {
      case Word::next:
        if (at.why != Stop::Why::end && at.why != Stop::Why::late) return Go::next;
        print("no line is left to run: `continue` ends the test");
        break;
      case Word::go_on:
        return Go::on;
      case Word::again:
        if (at.why == Stop::Why::failed || at.why == Stop::Why::held) return Go::again;
        print(at.why == Stop::Why::before ? "no line has failed here: `next` runs this one"
                                          : "no line is left to be run again");
        break;
      case Word::quit:
        return Go::quit;
      case Word::list:
        list(argument);
        break;
      case Word::out:
        show_buffer(session.out);
        break;
      case Word::err:
        show_buffer(session.err);
        break;
      case Word::files:
        print(list_files(session, argument));
        break;
      case Word::ls:
        print(list_folder(session, here.stands().directory, argument));
        break;
      case Word::cat:
        for (size_t i = 1; i < typed.size(); ++i)
          print(show_file(session, here.stands().directory, typed[i]));
        break;
      case Word::env:
        show_environment(argument);
        break;
      case Word::shell:
        open_shell();
        break;
      case Word::help:
        help();
        break;
    }
    return std::nullopt;
  }

  void list(const std::string& argument) const {
    uint32_t middle = at.line;
    if (!argument.empty()) {
      middle = 0;
      for (const char c : argument.substr(0, 9))
        middle = c >= '0' && c <= '9' ? middle * 10 + static_cast<uint32_t>(c - '0') : 0;
      if (middle == 0) return print(fmt::format("list: {} is no line", text::quoted(argument)));
    }
    const std::string text =
        listing(at.source, middle > lines_around ? middle - lines_around : 1, middle + lines_around, at.line);
    print(text.empty() ? fmt::format("{} has no line {}", at.file, middle) : text);
  }

  void show_buffer(OutputBuffer& buffer) const {
    const auto view = buffer.view();
    if (!view.ok()) return print(view.error().message());
    if (view.value().empty()) return print("[empty]");
    print(view.value().substr(0, most_pending));
    if (view.value().size() > most_pending) {
      print(fmt::format("[{} bytes in all]", view.value().size()));
    } else if (!view.value().ends_with('\n')) {
      print("[no line end]");
    }
  }

  void show_environment(const std::string& name) {
    const Standpoint stands = here.stands();
    if (!name.empty()) {
      const auto found = stands.environment.find(name);
      if (found != stands.environment.end()) return print(found->second);
      if (!here.first_words().empty()) return print(fmt::format("{} is not set", name));
      return print(fmt::format("{0} is not exported; `echo \"${0}\"` asks the document's shell", name));
    }
    std::string text;
    for (const auto& [variable, value] : stands.environment) text += fmt::format("{}={}\n", variable, value);
    print(text);
  }

  void open_shell() {
    if (const std::string why = console().shell(here.stands()); !why.empty())
      print(why + "\n`ls`, `cat`, `env` and `files` are carried out here, without it");
  }

  void help() const {
    std::string text;
    for (const WordInfo& info : words) {
      const std::string left =
          fmt::format("{}{}{}{}", info.name, info.letter.empty() ? "" : ", ", info.letter, info.usage);
      text += fmt::format("  {:<18} {}\n", left, info.summary);
    }
    text += here.first_words().empty()
                ? "Anything else is a command for the document's shell; it counts for nothing.\n"
                : "Anything else is carried out as a line of the script; it counts for nothing.\n";
    text +=
        "A line behind a blank always is one: ` env` is not the prompt's `env`.\n"
        "Ctrl-C stops what was typed; at an empty prompt it ends the run.\n";
    print(text);
  }

  /// What a word may have been meant to be.
  [[nodiscard]] std::string suggestion(const std::string& word) const {
    std::vector<std::string> candidates = here.first_words();
    for (const WordInfo& info : words) candidates.emplace_back(info.name);
    const auto near = text::nearest(word, candidates);
    return near ? fmt::format("; did you mean `{}`?", *near) : "; `help` lists what can be typed here";
  }

  /// What is wrong with a line that begins with one of the prompt's own words.
  [[nodiscard]] std::string misused(const WordInfo& info, const std::string& line, bool blank) const {
    if (blank)
      return fmt::format(
          "a line that begins with a blank is the script's, which has no `{0}`: `{0}` without "
          "the blank is the prompt's",
          info.name);
    std::string said = fmt::format("`{}{}` takes {} here", info.name, info.usage,
                                   info.usage.empty() ? "no words" : "nothing else");
    if (info.word == Word::ls || info.word == Word::cat || info.word == Word::env)
      said += fmt::format("; a program is run with `exec {}`", text::printable(text::trim(line)));
    return said;
  }

  void carry_out(const std::string& line, const std::vector<std::string>& typed) {
    const WordInfo* info = find_word(typed.front());
    const bool unknown = here.is_unknown(typed.front());
    if (unknown && info != nullptr)
      return print(misused(*info, line, line.starts_with(' ') || line.starts_with('\t')));
    if (unknown)
      return print(
          fmt::format("no command is called {}{}", text::quoted(typed.front()), suggestion(typed.front())));
    debugger.apart_ = true;
    std::string said = here.carry_out_typed(line);
    debugger.apart_ = false;
    if (session.children->resume() && said == "[cut short]") said = "[it was stopped]";
    if (said == "[exit status 127]") said += suggestion(typed.front()).substr(1);
    print(said);
  }
};

bool Debugger::stops_before(const std::string& file, uint32_t line) const {
  if (!on() || left_) return false;
  return stepping_ || is_break(setting_.breaks, file, line);
}

void Debugger::begin_line() {
  in_line_ = true;
  failures_.clear();
}

void Debugger::tell_stop(const Stop& at) {
  std::string text = std::exchange(pending_, "");
  const std::string mark = listing(at.source, at.line, at.line, at.line);
  switch (at.why) {
    case Stop::Why::failed:
    case Stop::Why::late:
      text += fmt::format("{}: {}{}", at.file, std::exchange(failures_, ""), mark);
      if (at.why == Stop::Why::late) text += "this was seen when no line was left to run\n";
      break;
    case Stop::Why::held:
      text +=
          fmt::format("{}: line {} holds now; the test has failed nevertheless\n{}", at.file, at.line, mark);
      break;
    case Stop::Why::before:
      text += fmt::format("{}: before line {}\n{}", at.file, at.line, mark);
      break;
    case Stop::Why::end:
      text += fmt::format("{}: no line is left to run; `continue` ends the test\n", at.file);
      break;
  }
  if (!std::exchange(helped_, true)) text += "`help` lists what can be typed here\n";
  setting_.console->print(text);
}

Debugger::Go Debugger::stop(Session& session, Debugged& here, const Stop& at) {
  const bool failed = at.why == Stop::Why::failed || at.why == Stop::Why::held;
  if (left_ || !setting_.console->open()) return Go::quit;
  open_ = true;
  in_line_ = false;
  tell_stop(at);
  const Go go = Prompt{*this, session, here, at}.serve();
  stepping_ = go == Go::next;
  left_ = go == Go::quit;
  passed_over_ = passed_over_ || (failed && (go == Go::next || go == Go::on));
  open_ = false;
  setting_.console->close(stepping_);
  return go;
}

void Debugger::stop_late(Session& session, Debugged& here, Stop at) {
  if (!on() || in_line_ || apart_ || left_) return;
  at.why = Stop::Why::late;
  (void)stop(session, here, at);
  stepping_ = false;
}

void Debugger::say(std::string_view text) {
  if (open_) return setting_.console->print(with_end(text));
  if (pending_.size() > most_pending) return;
  pending_ += with_end(text);
  if (pending_.size() > most_pending) pending_ += "[more was printed]\n";
}

void Debugger::show(const Event& event) {
  switch (event.kind) {
    case Event::Kind::command:
      if (!open_) say("> " + event.text);
      return;
    case Event::Kind::note:
    case Event::Kind::output:
    case Event::Kind::log:
      return say(event.text);
    case Event::Kind::denied:
      return say(fmt::format("[the sandbox refused `{}` of {}]", event.denial.syscall, event.denial.program));
    case Event::Kind::failure:
      if (open_) say(shown_failure(event));
      return;
    default:
      return;
  }
}

void Debugger::take(const Event& event) {
  if (!on()) return next_.take(event);
  if (event.kind == Event::Kind::failure && !open_) failures_ += shown_failure(event);
  if (apart_ || (stepping_ && in_line_)) show(event);
  if (!apart_) next_.take(event);
}

}  // namespace testctr::interpret
