// Commands on files. Names are the script's; what they mean depends on the place where the script runs, which
// is its business.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <vector>

#include "base/proc.h"
#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/replacer.h"

namespace testctr::interpret {
namespace {

constexpr long proc_magic = 0x9fa0;
constexpr const char* leads_out_hint =
    "what a container leaves in $WORK is not followed on the host: use the file itself, or a link within "
    "$WORK";

std::string words_of(int number) {
  const char* words = strerrordesc_np(number);
  return words != nullptr ? words : fmt::format("error {}", number);
}

/// "NAME: No such file or directory", from the current errno.
Answer failed_on(const std::string& name) {
  return Answer::failed(fmt::format("{}: {}", text::printable(name), words_of(errno)));
}

/// The same for a name that could not be reached.
Answer failed_on(const std::string& name, const Error& error) {
  Answer answer = Answer::failed(Session::describe(name, error));
  if (error.number() == EXDEV) answer.failure.hint = leads_out_hint;
  return answer;
}

/// Opens `name` for writing: a regular file (or /dev/null), made with `mode` when it is not there, emptied
/// when it is.
Result<Fd> create(const Session& session, const std::string& name, mode_t mode) {
  std::string shown = text::printable(name);
  auto opened = session.open(name, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, mode);
  if (!opened.ok()) return Error::usage(Session::describe(name, opened.error()));
  Fd fd = std::move(opened).value();
  struct stat info {};
  struct statfs system {};
  if (::fstat(fd.get(), &info) != 0 || ::fstatfs(fd.get(), &system) != 0)
    return Error::system("fstat", shown);
  // A link that a program of the image left could lead to memory or descriptors of this process.
  if (system.f_type == proc_magic)
    return Error::usage(fmt::format("{}: leads into /proc, which is not written to", shown));
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode))
    return Error::usage(fmt::format("{}: not a regular file", shown));
  return fd;
}

Status write_to(const Session& session, const std::string& name, mode_t mode, std::string_view content) {
  Fd fd = TRY(create(session, name, mode));
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && ::ftruncate(fd.get(), 0) != 0) {
    return Error::usage(fmt::format("{}: {}", text::printable(name), words_of(errno)));
  }
  auto written = sys::write_full(fd.get(), content);
  if (!written.ok()) return std::move(written).error().in(text::printable(name)).as(Fault::usage);
  return {};
}

std::string base_name(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// Copies one source; `target` is not a directory.
Answer copy(Session& session, const std::string& source, const std::string& target) {
  OutputBuffer content(session.setting.work);
  mode_t mode = 0666;
  if (OutputBuffer* output = session.output_named(source)) {
    auto text = output->view();
    if (!text.ok()) return Answer::misuse(text.error());
    Status written = write_to(session, target, mode, text.value());
    return written.ok() ? Answer::done() : Answer::failed(written.error());
  }
  auto from = session.status_of(source);
  if (!from.ok()) return failed_on(source, from.error());
  mode = from.value().st_mode & 0777;
  if (session.same_file(source, target)) return Answer::done();
  auto loaded = session.load(source);
  if (!loaded.ok()) return Answer::failed(loaded.error());
  auto text = loaded.value().view();
  if (!text.ok()) return Answer::misuse(text.error());
  Status written = write_to(session, target, mode, text.value());
  return written.ok() ? Answer::done() : Answer::failed(written.error());
}

/// mkdir(2) with mode 0777 less the umask. @return an error with its errno
Status make_directory(const Session& session, const std::string& path) {
  const Session::Located at = TRY(session.locate(path));
  if (::mkdirat(at.directory(), at.name.c_str(), 0777) != 0) return Error::system("mkdir", path);
  return {};
}

/// mkdir -p. @param path absolute
Status make_directories(const Session& session, const std::string& path) {
  if (auto there = session.status_of(path); there.ok())
    return S_ISDIR(there.value().st_mode) ? Status() : Error::system("mkdir", path, ENOTDIR);
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const Status made = make_directory(session, path.substr(0, slash));
    const int number = made.ok() ? 0 : made.error().number();
    if (number != 0 && number != EEXIST && number != EROFS && number != EACCES && number != EINVAL)
      return made;
  }
  Status made = make_directory(session, path);
  if (made.ok()) return made;
  auto there = session.status_of(path);
  if (there.ok() && S_ISDIR(there.value().st_mode)) return {};
  return !there.ok() && there.error().number() == EXDEV ? Status(there.error()) : made;
}

}  // namespace

Status make_script_directories(const Session& session, const std::string& path) {
  return make_directories(session, path);
}

Status write_script_file(const Session& session, const std::string& name, mode_t mode,
                         std::string_view content) {
  return write_to(session, name, mode, content);
}

Answer run_cat(Session& session, const Arguments& arguments) {
  OutputBuffer all(session.setting.work);
  for (const std::string& name : arguments) {
    auto content = session.load(name);
    if (!content.ok()) return Answer::failed(content.error());
    auto text = content.value().view();
    Status kept = text.ok() ? all.append(text.value()) : Status(text.error());
    if (!kept.ok()) return Answer::misuse(kept.error());
  }
  session.out = std::move(all);
  session.err.clear();
  session.tell_output("stdout", session.out);
  return Answer::done();
}

std::optional<unsigned> parse_mode(std::string_view digits) {
  // Octal always: read as Go reads a number, 400 would be 0620.
  if (digits.starts_with("0o")) digits.remove_prefix(2);
  unsigned mode = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  if (error != std::errc() || end != digits.data() + digits.size() || mode > 0777) return std::nullopt;
  return mode;
}

Answer run_chmod(Session& session, const Arguments& arguments) {
  auto mode = parse_mode(arguments.front());
  if (!mode) {
    return Answer::misuse(fmt::format("invalid mode {}", text::quoted(arguments.front())),
                          "an octal number up to 777: chmod 755 FILE");
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    auto file = session.open(arguments[i], O_PATH);
    if (!file.ok()) return failed_on(arguments[i], file.error());
    const proc::Place place = proc::place(fmt::format("self/fd/{}", file.value().get()));
    if (::fchmodat(place.directory, place.path.c_str(), *mode, 0) != 0) return failed_on(arguments[i]);
  }
  return Answer::done();
}

Answer run_cp(Session& session, const Arguments& arguments) {
  const std::string& target = arguments.back();
  const auto info = session.status_of(target);
  const bool directory = info.ok() && S_ISDIR(info.value().st_mode);
  if (arguments.size() > 2 && !directory)
    return Answer::failed(fmt::format("{}: not a directory", text::printable(target)));
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    Answer answer = copy(session, arguments[i], directory ? target + "/" + base_name(arguments[i]) : target);
    if (answer.kind != Answer::Kind::done) return answer;
  }
  return Answer::done();
}

Answer run_exists(Session& session, const Arguments& arguments) {
  bool readonly = false, executable = false;
  size_t first = 0;
  for (; first < arguments.size(); ++first) {
    if (arguments[first] == "-readonly") {
      readonly = true;
    } else if (arguments[first] == "-exec") {
      executable = true;
    } else {
      break;
    }
  }
  if (first == arguments.size()) return Answer::misuse("usage: exists [-readonly] [-exec] FILE...");
  std::string there;
  Answer failure;
  for (; first < arguments.size(); ++first) {
    std::string name = text::printable(arguments[first]);
    std::string problem;
    const auto info = session.status_of(arguments[first]);
    const mode_t mode = info.ok() ? info.value().st_mode & 0777 : 0;
    // Not even `! exists` is content with it: nobody looked whether it is there.
    if (!info.ok() && info.error().number() == EXDEV)
      return Answer::misuse(Session::describe(arguments[first], info.error()), leads_out_hint);
    if (!info.ok()) {
      problem = info.error().number() == ENOENT ? name + " does not exist"
                                                : Session::describe(arguments[first], info.error());
    } else if (readonly && (mode & 0222) != 0) {
      problem = fmt::format("{} exists but is writable (mode {:o})", name, mode);
    } else if (executable && (mode & 0111) == 0) {
      problem = fmt::format("{} exists but is not executable (mode {:o})", name, mode);
    }
    if (problem.empty()) {
      there = there.empty() ? name : there;
    } else if (failure.kind == Answer::Kind::done) {
      failure = Answer::failed(problem, fmt::format("{} exists", name), problem);
    }
  }
  // `! exists a b` is said of each: one that is there must not hide behind another that is not.
  bool negated = session.command->want == script::Want::failure;
  if (failure.kind == Answer::Kind::done || (negated && !there.empty())) {
    return Answer::done(there + " exists", there + " does not exist", there + " exists");
  }
  return failure;
}

Answer run_mkdir(Session& session, const Arguments& arguments) {
  for (const std::string& name : arguments) {
    Status made = make_directories(session, session.path(name));
    if (!made.ok()) return failed_on(name, made.error());
  }
  return Answer::done();
}

Answer run_mv(Session& session, const Arguments& arguments) {
  const auto from = session.locate(arguments[0]), to = session.locate(arguments[1]);
  if (!from.ok()) return failed_on(arguments[0], from.error());
  if (!to.ok()) return failed_on(arguments[1], to.error());
  if (::renameat(from.value().directory(), from.value().name.c_str(), to.value().directory(),
                 to.value().name.c_str()) != 0) {
    return Answer::failed(fmt::format("{} -> {}: {}", text::printable(arguments[0]),
                                      text::printable(arguments[1]), words_of(errno)));
  }
  return Answer::done();
}

Answer run_replace(Session& session, const Arguments& arguments) {
  if (arguments.size() % 2 == 0) return Answer::misuse("usage: replace [OLD NEW]... FILE");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    auto from = unquote_go(arguments[i]);
    if (!from.ok()) return Answer::misuse(from.error());
    auto to = unquote_go(arguments[i + 1]);
    if (!to.ok()) return Answer::misuse(to.error());
    pairs.emplace_back(std::move(from).value(), std::move(to).value());
  }
  auto content = session.load(arguments.back());
  if (!content.ok()) return Answer::failed(content.error());
  auto text = content.value().view();
  if (!text.ok()) return Answer::misuse(text.error());
  OutputBuffer replaced(session.setting.work);
  Status kept =
      replace_all(text.value(), pairs, [&](std::string_view part) { return replaced.append(part); });
  auto result = replaced.view();
  if (!kept.ok()) return Answer::misuse(kept.error());
  if (!result.ok()) return Answer::misuse(result.error());
  Status written = write_to(session, arguments.back(), 0666, result.value());
  return written.ok() ? Answer::done() : Answer::failed(written.error());
}

Answer run_rm(Session& session, const Arguments& arguments) {
  for (const std::string& name : arguments) {
    auto at = session.locate(name);
    if (!at.ok() && (at.error().number() == ENOENT || at.error().number() == ENOTDIR)) continue;
    if (!at.ok()) return failed_on(name, at.error());
    std::string path = at.value().name;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    auto removed = sys::remove_tree_at(at.value().directory(), path);
    if (!removed.ok()) return Answer::failed(removed.error());
  }
  return Answer::done();
}

Answer run_symlink(Session& session, const Arguments& arguments) {
  if (arguments[1] != "->") return Answer::misuse("usage: symlink PATH -> TARGET");
  const auto at = session.locate(arguments[0]);
  if (!at.ok()) return failed_on(arguments[0], at.error());
  if (::symlinkat(arguments[2].c_str(), at.value().directory(), at.value().name.c_str()) != 0)
    return failed_on(arguments[0]);
  return Answer::done();
}

}  // namespace testctr::interpret
