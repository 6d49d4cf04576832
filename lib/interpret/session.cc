// The state of a script between its lines, and the words for it.
#include "interpret/session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/open_plain.h"

namespace testctr::interpret {
namespace {

constexpr size_t file_limit = size_t{1} << 30;
constexpr size_t told_at_once = size_t{256} << 10;
constexpr size_t told_at_most = size_t{1} << 20;
constexpr size_t excerpt_half = size_t{4} << 10;

}  // namespace

Session::Session(const Setting& place, EventSink& sink, std::unique_ptr<Children> processes)
    : setting(place),
      events(sink),
      children(std::move(processes)),
      variables(place.environment),
      directory(place.work),
      out(place.work),
      err(place.work) {}

std::string Session::path(const std::string& name) const {
  return name.starts_with('/') ? name : directory + "/" + name;
}

std::optional<std::string> Session::lookup(std::string_view name) const {
  if (auto value = variables.get(name)) return value;
  if (name == "/") return "/";
  if (name == ":") return ":";
  return std::nullopt;
}

Result<OutputBuffer> Session::load(const std::string& name) const {
  auto problem = [&](std::string_view what) {
    return Error::usage(fmt::format("{}: {}", text::printable(name), what));
  };
  // O_NONBLOCK: opening a named pipe must not wait for its other end.
  auto opened = open_plain(path(name), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened.ok()) {
    int number = opened.error().number();
    if (number == ENOENT) return problem("no such file");
    return problem(strerrordesc_np(number) != nullptr ? strerrordesc_np(number) : "cannot be opened");
  }
  struct stat info {};
  if (::fstat(opened.value().get(), &info) != 0) return Error::system("fstat", name);
  if (S_ISDIR(info.st_mode)) return problem("is a directory");
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) return problem("not a regular file");
  auto content = read_file(opened.value().get(), setting.work, file_limit);
  if (!content.ok()) return std::move(content).error().in(text::printable(name)).as(Fault::usage);
  return content;
}

void Session::tell(Event::Kind kind, std::string_view text) {
  Event event;
  event.kind = kind;
  event.line = command != nullptr ? command->line : 0;
  event.text = masked(text);
  events.take(event);
}

void Session::tell_output(const char* stream, OutputBuffer& buffer) {
  auto view = buffer.view();
  if (!view.ok()) return log(view.error().message());
  Event event;
  event.kind = Event::Kind::output;
  event.line = command != nullptr ? command->line : 0;
  event.stream = stream;
  auto send = [&](std::string_view part) {
    for (; !part.empty(); part.remove_prefix(event.text.size())) {
      event.text = part.substr(0, told_at_once);
      events.take(event);
    }
  };
  std::string_view text = view.value();
  if (text.size() <= told_at_most) return send(text);
  send(text.substr(0, told_at_most / 2));
  note(fmt::format("[{} bytes of {} are not shown]", text.size() - told_at_most, stream));
  send(text.substr(text.size() - told_at_most / 2));
}

Status Session::set_output(std::string_view text) {
  out.clear();
  err.clear();
  CHECK_OK(out.append(text));
  tell_output("stdout", out);
  return {};
}

std::string Session::masked(std::string_view text) const { return replace_path(text, setting.work, "$WORK"); }

std::string excerpt(std::string_view text) {
  if (text.size() <= 2 * excerpt_half) return std::string(text);
  return fmt::format("{}\n[{} bytes left out]\n{}", text.substr(0, excerpt_half),
                     text.size() - 2 * excerpt_half, text.substr(text.size() - excerpt_half));
}

std::string quoted_words(std::string_view name, const std::vector<std::string>& arguments) {
  std::string line(name);
  for (const std::string& word : arguments) {
    line += ' ';
    if (!word.empty() && word.find_first_of(" \t\r\n#'$") == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (char c : word) line += c == '\'' ? std::string("''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::string describe_status(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  int signal = WTERMSIG(status);
  const char* name = sigabbrev_np(signal);
  const char* words = sigdescr_np(signal);
  std::string described = name != nullptr && words != nullptr ? fmt::format("signal: {} (SIG{})", words, name)
                                                              : fmt::format("signal: {}", signal);
  if (described.size() > 8 && described[8] >= 'A' && described[8] <= 'Z')
    described[8] = static_cast<char>(described[8] - 'A' + 'a');
  return described + (WCOREDUMP(status) ? ", core dumped" : "");
}

int status_number(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace testctr::interpret
