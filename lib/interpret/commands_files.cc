// Commands on files. Names are the script's; what they mean depends on the place where the script runs, which
// is its business.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <vector>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/commands.h"
#include "interpret/open_plain.h"
#include "interpret/replacer.h"

namespace testctr::interpret {
namespace {

constexpr long proc_magic = 0x9fa0;

std::string words_of(int number) {
  const char* words = strerrordesc_np(number);
  return words != nullptr ? words : fmt::format("error {}", number);
}

/// "NAME: No such file or directory", from the current errno.
Answer failed_on(const std::string& name) {
  return Answer::failed(fmt::format("{}: {}", text::printable(name), words_of(errno)));
}

/// Opens `name` for writing: a regular file (or /dev/null), made with `mode` when it is not there, emptied
/// when it is.
Result<Fd> create(const Session& session, const std::string& name, mode_t mode) {
  std::string shown = text::printable(name);
  auto opened = open_plain(session.path(name), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, mode);
  if (!opened.ok()) return Error::usage(fmt::format("{}: {}", shown, words_of(opened.error().number())));
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
  if (source == "stdout" || source == "stderr") {
    auto text = (source == "stdout" ? session.out : session.err).view();
    if (!text.ok()) return Answer::misuse(text.error());
    Status written = write_to(session, target, mode, text.value());
    return written.ok() ? Answer::done() : Answer::failed(written.error());
  }
  struct stat from {
  }, to{};
  if (::stat(session.path(source).c_str(), &from) != 0) return failed_on(source);
  mode = from.st_mode & 0777;
  if (::stat(session.path(target).c_str(), &to) == 0 && to.st_dev == from.st_dev && to.st_ino == from.st_ino)
    return Answer::done();
  auto loaded = session.load(source);
  if (!loaded.ok()) return Answer::failed(loaded.error());
  auto text = loaded.value().view();
  if (!text.ok()) return Answer::misuse(text.error());
  Status written = write_to(session, target, mode, text.value());
  return written.ok() ? Answer::done() : Answer::failed(written.error());
}

/// mkdir -p with mode 0777 less the umask.
bool make_directories(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    errno = ENOTDIR;
    return S_ISDIR(info.st_mode);
  }
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), 0777) != 0 && errno != EEXIST && errno != EROFS &&
        errno != EACCES)
      return false;
  }
  if (::mkdir(path.c_str(), 0777) == 0) return true;
  int number = errno;
  bool there = ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  errno = number;
  return there;
}

}  // namespace

Status write_script_file(const Session& session, const std::string& name, mode_t mode, std::string_view content) {
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
    auto file = open_plain(session.path(arguments[i]), O_PATH);
    if (!file.ok()) {
      errno = file.error().number();
      return failed_on(arguments[i]);
    }
    if (::chmod(fmt::format("/proc/self/fd/{}", file.value().get()).c_str(), *mode) != 0)
      return failed_on(arguments[i]);
  }
  return Answer::done();
}

Answer run_cp(Session& session, const Arguments& arguments) {
  const std::string& target = arguments.back();
  struct stat info {};
  bool directory = ::stat(session.path(target).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
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
    struct stat info {};
    std::string problem;
    if (::stat(session.path(arguments[first]).c_str(), &info) != 0) {
      problem = errno == ENOENT ? name + " does not exist" : fmt::format("{}: {}", name, words_of(errno));
    } else if (readonly && (info.st_mode & 0222) != 0) {
      problem = fmt::format("{} exists but is writable (mode {:o})", name, info.st_mode & 0777);
    } else if (executable && (info.st_mode & 0111) == 0) {
      problem = fmt::format("{} exists but is not executable (mode {:o})", name, info.st_mode & 0777);
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
    if (!make_directories(session.path(name))) return failed_on(name);
  }
  return Answer::done();
}

Answer run_mv(Session& session, const Arguments& arguments) {
  if (::rename(session.path(arguments[0]).c_str(), session.path(arguments[1]).c_str()) != 0) {
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
    std::string path = session.path(name);
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    auto removed = sys::remove_tree(path);
    if (!removed.ok()) return Answer::failed(removed.error());
  }
  return Answer::done();
}

Answer run_symlink(Session& session, const Arguments& arguments) {
  if (arguments[1] != "->") return Answer::misuse("usage: symlink PATH -> TARGET");
  if (::symlink(arguments[2].c_str(), session.path(arguments[0]).c_str()) != 0)
    return failed_on(arguments[0]);
  return Answer::done();
}

}  // namespace testctr::interpret
