// Commands about what the last program left behind, and about what the next one is given to read.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/pattern.h"

namespace testctr::interpret {
namespace {

constexpr size_t most_captured = 131'000;  // a little less than what the kernel takes as one variable
constexpr size_t most_typed = size_t{16} << 20;

/// The bytes that `part` of `valid` stands for in `bytes`, which has other bytes where `valid` has U+FFFD.
std::string_view original(std::string_view part, std::string_view valid, std::string_view bytes) {
  if (valid.data() == bytes.data()) return part;
  constexpr std::string_view substitute = "\xEF\xBF\xBD";
  const auto begin = static_cast<size_t>(part.data() - valid.data());
  size_t at = 0, first = 0;
  for (size_t i = 0; i < begin + part.size();) {
    if (i == begin) first = at;
    const bool replaced =
        valid.substr(i).starts_with(substitute) && !bytes.substr(at).starts_with(substitute);
    i += replaced ? substitute.size() : 1;
    ++at;
  }
  if (part.empty()) return {};
  return bytes.substr(first, at - first);
}

/// What is to be captured of an output.
Result<std::optional<std::string>> captured(Session& session, OutputBuffer& output,
                                            const std::string* expression) {
  const std::string_view bytes = TRY(output.view());
  if (expression == nullptr) {
    std::string_view whole = bytes;
    if (whole.ends_with('\n')) whole.remove_suffix(1);
    if (whole.size() > most_captured) return std::optional<std::string>(whole.substr(0, most_captured + 1));
    return std::optional<std::string>(whole);
  }
  const Pattern pattern = TRY(Pattern::compile(*expression));
  OutputBuffer storage(session.setting.work);
  const std::string_view valid = TRY(valid_text(output, storage));
  const auto found = pattern.find_group(valid);
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(original(*found, valid, bytes));
}

/// A file without a name that holds `text` and stands at its beginning.
Result<Fd> unnamed_file(const Session& session, std::string_view text) {
  Fd file(::open(session.setting.work.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) file = TRY(sys::memory_file("stdin"));
  CHECK_OK(sys::write_full(file.get(), text));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "stdin");
  return file;
}

std::string shown_status(const Session& session) {
  if (session.signalled) return "signal " + name_of_signal(*session.status - 128);
  return fmt::format("exit status {}", *session.status);
}

}  // namespace

Status check_capture_name(std::string_view name) {
  bool fits = !name.empty() && (name[0] < '0' || name[0] > '9');
  for (const char c : name) {
    fits = fits && (c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
  }
  if (fits) return {};
  return Error::usage(fmt::format("{} is no name of a variable", text::quoted(name)))
      .hint("letters, digits and _: capture NAME");
}

Answer run_capture(Session& session, const Arguments& arguments) {
  if (Status fits = check_capture_name(arguments.front()); !fits.ok()) return Answer::misuse(fits.error());
  size_t next = 1;
  std::string stream = "stdout";
  if (next < arguments.size() && session.output_named(arguments[next]) != nullptr) stream = arguments[next++];
  if (arguments.size() > next + 1)
    return Answer::misuse("usage: capture VAR [stdout|stderr|ttyout] [PATTERN]",
                          "quote a pattern with blanks: 'a b'");
  const std::string* expression = next < arguments.size() ? &arguments[next] : nullptr;
  OutputBuffer& output = *session.output_named(stream);
  auto text = captured(session, output, expression);
  if (!text.ok()) return Answer::misuse(text.error());
  if (!text.value()) {
    auto came = output.view();
    const std::string shown = "`" + text::printable(*expression) + "`";
    return Answer::failed(fmt::format("no match for {} in {}", shown, stream), "a match for " + shown,
                          came.ok() ? excerpt(came.value()) : "");
  }
  if (text.value()->size() > most_captured)
    return Answer::misuse(
        fmt::format("more than {} bytes of {} are no variable's value", most_captured, stream),
        fmt::format("cp {} FILE keeps all of it; a pattern takes a part", stream));
  const std::string value = *text.value();
  Status set = session.variables.set(arguments.front(), value);
  if (!set.ok()) return Answer::misuse(set.error());
  session.note(fmt::format("{}={}", arguments.front(), excerpt(value)));
  return Answer::done("a match in " + stream, "no match", excerpt(value));
}

Result<WantedStatus> parse_status(std::string_view word) {
  WantedStatus wanted;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), wanted.number);
  if (problem == std::errc() && end == word.data() + word.size() && wanted.number >= 0 &&
      wanted.number <= 255)
    return wanted;
  if (word.starts_with("SIG")) {
    if (const auto signal = signal_named(word)) return WantedStatus{*signal, true};
    return Error::usage(fmt::format("no signal is called {}", text::quoted(word))).hint("as in SIGSEGV");
  }
  return Error::usage(fmt::format("{} is no status", text::quoted(word)))
      .hint("an exit status is 0 to 255; a signal's name is written as in SIGSEGV");
}

Answer run_status(Session& session, const Arguments& arguments) {
  const auto parsed = parse_status(arguments.front());
  if (!parsed.ok()) return Answer::misuse(parsed.error());
  const WantedStatus wanted = parsed.value();
  if (!session.status)
    return Answer::misuse("no program has ended yet", "it stands behind `exec`, `wait` or `testctr exec`");
  const std::string is = shown_status(session);
  const std::string want = wanted.signal ? "signal " + name_of_signal(wanted.number)
                                         : fmt::format("exit status {}", wanted.number);
  const int is_number = session.signalled ? *session.status - 128 : *session.status;
  if (session.signalled == wanted.signal && is_number == wanted.number)
    return Answer::done("the last status is " + is, "not " + want, is);
  return Answer::failed(fmt::format("the last status is {}, not {}", is, want), want, is);
}

Status set_next_input(Session& session, OutputBuffer& content) {
  session.input.file = TRY(unnamed_file(session, TRY(content.view())));
  session.input.line = session.command->line;
  return {};
}

Status set_next_typed(Session& session, OutputBuffer& content, bool is_stdin) {
  const std::string_view text = TRY(content.view());
  if (text.size() > most_typed) return Error::usage("that is too much to be typed");
  session.input.typed = text;
  session.input.typed_is_stdin = is_stdin;
  session.input.line = session.command->line;
  return {};
}

Answer run_stdin(Session& session, const Arguments& arguments) {
  if (session.input.typed_is_stdin)
    return Answer::misuse("`ttyin -stdin` gives the next program its stdin already",
                          "one of the two is too much");
  auto content = session.load_any(arguments.front());
  if (!content.ok()) return Answer::misuse(content.error());
  Status kept = set_next_input(session, content.value());
  return kept.ok() ? Answer::done() : Answer::misuse(kept.error());
}

Answer run_ttyin(Session& session, const Arguments& arguments) {
  const bool is_stdin = arguments.front() == "-stdin";
  if (arguments.size() != (is_stdin ? 2 : 1)) return Answer::misuse("usage: ttyin [-stdin] FILE");
  if (is_stdin && session.input.file.valid())
    return Answer::misuse("`stdin` gives the next program its stdin already", "one of the two is too much");
  auto content = session.load_any(arguments.back());
  if (!content.ok()) return Answer::misuse(content.error());
  if (content.value().empty())
    return Answer::misuse(
        fmt::format("{} is empty: there is nothing to be typed", text::printable(arguments.back())));
  Status kept = set_next_typed(session, content.value(), is_stdin);
  return kept.ok() ? Answer::done() : Answer::misuse(kept.error());
}

std::optional<std::string> with_dos_lines(std::string_view text, size_t longest) {
  std::string lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.size() > longest) return std::nullopt;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines += line;
    lines += "\r\n";
  }
  return lines;
}

Answer run_unix2dos(Session& session, const Arguments& arguments) {
  for (const std::string& name : arguments) {
    auto content = session.load(name);
    if (!content.ok()) return Answer::failed(content.error());
    auto text = content.value().view();
    if (!text.ok()) return Answer::misuse(text.error());
    const std::string lines = *with_dos_lines(text.value());
    Status written = write_script_file(session, name, 0666, lines);
    if (!written.ok()) return Answer::failed(written.error());
  }
  return Answer::done();
}

}  // namespace testctr::interpret
