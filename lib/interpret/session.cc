// The state of a script between its lines, and the words for it.
#include "interpret/session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "base/resolve.h"
#include "base/sys.h"
#include "base/text.h"
#include "interpret/open_plain.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

constexpr size_t file_limit = size_t{1} << 30;
constexpr size_t told_at_once = size_t{256} << 10;
constexpr size_t told_at_most = size_t{1} << 20;
constexpr size_t excerpt_half = size_t{4} << 10;

}  // namespace

Session::Session(const Setting& place, EventSink& sink, std::unique_ptr<Children> processes)
    : setting(place),
      rules(&testctr_rules()),
      events(sink),
      children(std::move(processes)),
      variables(place.environment),
      directory(place.work),
      out(place.work),
      err(place.work),
      tty(place.work) {}

std::string Session::path(const std::string& name) const {
  return name.starts_with('/') ? name : directory + "/" + name;
}

std::optional<std::string> Session::below_work(const std::string& name) const {
  if (!setting.guarded) return std::nullopt;
  const std::string whole = path(name);
  const std::string cleaned = clean_path(whole);
  if (cleaned == setting.work) return std::string();
  if (!cleaned.starts_with(setting.work + "/")) return std::nullopt;
  // With its `..` as they are, where it begins in $WORK: behind a link they mean another directory.
  const bool begins_there = whole.starts_with(setting.work + "/");
  return begins_there ? whole.substr(setting.work.size() + 1) : cleaned.substr(setting.work.size() + 1);
}

Result<Session::Located> Session::locate(const std::string& name) const {
  const std::optional<std::string> below = below_work(name);
  if (!setting.guarded) return Located{Fd(), path(name)};
  if (!below || below->empty()) return Located{Fd(), clean_path(path(name))};
  std::string rest = *below;
  while (rest.ends_with('/')) rest.pop_back();
  const size_t slash = rest.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : rest.substr(0, slash);
  Fd work = TRY(sys::open(setting.work, O_PATH | O_DIRECTORY));
  Located located;
  located.name = slash == std::string::npos ? rest : rest.substr(slash + 1);
  located.held = TRY(sys::open_beneath(work.get(), setting.work, parent, O_PATH | O_DIRECTORY));
  if (located.name == ".." || located.name == ".") return Error::system("open", name, EINVAL);
  return located;
}

Result<struct stat> Session::status_of(const std::string& name) const {
  struct stat info {};
  if (!below_work(name)) {
    const std::string whole = setting.guarded ? clean_path(path(name)) : path(name);
    if (::stat(whole.c_str(), &info) != 0) return Error::system("stat", name);
    return info;
  }
  Fd file = TRY(open(name, O_PATH));
  if (::fstat(file.get(), &info) != 0) return Error::system("fstat", name);
  return info;
}

bool Session::same_file(const std::string& one, const std::string& other) const {
  const auto first = status_of(one), second = status_of(other);
  return first.ok() && second.ok() && first.value().st_dev == second.value().st_dev &&
         first.value().st_ino == second.value().st_ino;
}

Result<Fd> Session::open(const std::string& name, int flags, mode_t mode) const {
  if (!setting.guarded) return open_plain(path(name), flags, mode);
  const std::optional<std::string> below = below_work(name);
  if (!below) return open_plain(clean_path(path(name)), flags, mode);
  Fd work = TRY(sys::open(setting.work, O_PATH | O_DIRECTORY));
  return sys::open_beneath(work.get(), setting.work, *below, flags, mode);
}

std::string Session::describe(const std::string& name, const Error& error) {
  const std::string shown = text::printable(name);
  if (error.number() == EXDEV) return shown + " leads out of $WORK";
  const char* words = strerrordesc_np(error.number());
  return fmt::format("{}: {}", shown, words != nullptr ? words : "cannot be opened");
}

std::string clean_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + text::join(parts, "/");
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
  auto opened = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened.ok()) {
    if (opened.error().number() == ENOENT) return problem("no such file");
    return Error::usage(describe(name, opened.error()));
  }
  struct stat info {};
  if (::fstat(opened.value().get(), &info) != 0) return Error::system("fstat", name);
  if (S_ISDIR(info.st_mode)) return problem("is a directory");
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) return problem("not a regular file");
  auto content = read_file(opened.value().get(), setting.work, file_limit);
  if (!content.ok()) return std::move(content).error().in(text::printable(name)).as(Fault::usage);
  return content;
}

bool Session::is_output(std::string_view word) const {
  if (word == "stdout" || word == "stderr") return true;
  const bool terminals =
      rules->language == script::Language::testctr || rules->language == script::Language::testscript;
  return terminals && word == "ttyout";
}

OutputBuffer* Session::output_named(std::string_view word) {
  if (!is_output(word)) return nullptr;
  if (word == "ttyout") return &tty;
  return word == "stdout" ? &out : &err;
}

Result<OutputBuffer> Session::load_any(const std::string& name) {
  OutputBuffer* output = output_named(name);
  if (output == nullptr) return load(name);
  OutputBuffer copy(setting.work);
  CHECK_OK(copy.append(TRY(output->view())));
  return copy;
}

void Session::set_status(int ended) {
  status = status_number(ended);
  signalled = WIFSIGNALED(ended);
}

void Session::tell(Event::Kind kind, std::string_view text) {
  if (quiet) return;
  Event event;
  event.kind = kind;
  event.line = command != nullptr ? command->line : 0;
  event.text = masked(text);
  events.take(event);
}

void Session::tell_output(const char* stream, OutputBuffer& buffer) {
  if (quiet) {
    kept_quiet = true;
    return;
  }
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
