// Commands on files, variables and the working directory of cmd/go's script tests and of testscript: what
// they do is what ours do, what they refuse and how they say it is their own.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/sys.h"
#include "base/text.h"
#include "interpret/go_commands.h"
#include "interpret/go_family.h"
#include "interpret/pattern.h"

namespace testctr::interpret::go_family {
namespace {

/// Why a file cannot be made or written to, where our own words for it are these.
std::string write_error(const Session& session, const std::string& name, const Error& ours) {
  const auto info = session.status_of(name);
  const std::string path = absolute(session, name);
  if (info.ok() && S_ISDIR(info.value().st_mode)) return go_error("open", path, EISDIR);
  if (!info.ok() && info.error().number() != EXDEV) {
    const auto parent = session.status_of(path.substr(0, std::max<size_t>(1, path.rfind('/'))));
    if (!parent.ok() && parent.error().number() != EXDEV)
      return go_error("open", path, parent.error().number());
    if (info.error().number() != ENOENT) return go_error("open", path, info.error().number());
  }
  return ours.message();
}

/// What Go's MkdirAll says: it names the part of the path that is in the way.
Answer mkdir_failed(const Session& session, std::string path, const Error& error) {
  if (error.number() == ENOTDIR) {
    while (path.size() > 1 && !session.status_of(path).ok())
      path.resize(std::max<size_t>(1, path.rfind('/')));
  }
  return fatal_on("mkdir", path, error);
}

/// lstat(2)
Result<struct stat> own_status(const Session& session, const std::string& name) {
  const Session::Located at = TRY(session.locate(name));
  struct stat info {};
  if (::fstatat(at.directory(), at.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return Error::system("lstat", name);
  return info;
}

/// rename(2) as Go has it: a directory is never replaced.
Status rename_file(const Session& session, const std::string& from, const std::string& to) {
  const auto target = own_status(session, to);
  if (target.ok() && S_ISDIR(target.value().st_mode)) {
    const struct stat source = TRY(own_status(session, from));
    const bool same = source.st_dev == target.value().st_dev && source.st_ino == target.value().st_ino;
    if (from == to || !same) return Error::system("rename", from, EEXIST);
  }
  const Session::Located old_place = TRY(session.locate(from)), new_place = TRY(session.locate(to));
  if (::renameat(old_place.directory(), old_place.name.c_str(), new_place.directory(),
                 new_place.name.c_str()) != 0)
    return Error::system("rename", from);
  return {};
}

/// chmod(2), through what the name leads to.
Status change_mode(const Session& session, const std::string& name, mode_t mode) {
  Fd file = TRY(session.open(name, O_PATH));
  const proc::Place place = proc::place(fmt::format("self/fd/{}", file.get()));
  if (::fchmodat(place.directory, place.path.c_str(), mode, 0) != 0) return Error::system("chmod", name);
  return {};
}

/// Copies one source of `cp`. @param target no directory
Answer copy_one(Session& session, const std::string& source, const std::string& target) {
  const script::Want want = session.command->want;
  mode_t mode = 0666;
  OutputBuffer content(session.setting.work);
  if (OutputBuffer* output = session.output_named(source)) {
    auto view = output->view();
    Status kept = view.ok() ? content.append(view.value()) : Status(view.error());
    if (!kept.ok()) return fatal(kept.error().message());
  } else {
    const auto info = session.status_of(source);
    if (!info.ok()) return fatal_on("stat", absolute(session, source), info.error());
    mode = info.value().st_mode & 0777;
    auto loaded = read_whole(session, source);
    if (!loaded.ok()) return fatal(loaded.error().message());
    content = std::move(loaded).value();
  }
  auto view = content.view();
  if (!view.ok()) return fatal(view.error().message());
  // `!` and `?` are about the writing alone.
  const Status written = write_script_file(session, target, mode, view.value());
  if (written.ok())
    return want == script::Want::failure ? fatal("unexpected command success") : Answer::done();
  return want == script::Want::success ? fatal(write_error(session, target, written.error()))
                                       : Answer::done();
}

std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || path.size() == 1 ? path : path.substr(slash + 1);
}

/// What is wrong with a file that is to exist.
std::string fault_of(const std::string& path, mode_t mode, bool readonly, bool executable) {
  if (readonly && (mode & 0222) != 0) return path + " exists but is writable";
  if (executable && (mode & 0111) == 0) return path + " exists but is not executable";
  return {};
}

}  // namespace

Answer run_cd(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "cd")) return *std::move(refused);
  if (arguments.size() != 1) return fatal("usage: cd dir");
  const std::string path = absolute(session, arguments.front());
  const auto info = session.status_of(path);
  if (!info.ok() && info.error().number() == ENOENT)
    return fatal(fmt::format("directory {} does not exist", text::printable(path)));
  if (!info.ok()) return fatal_on("stat", path, info.error());
  if (!S_ISDIR(info.value().st_mode))
    return fatal(fmt::format("{} is not a directory", text::printable(path)));
  session.directory = path;
  if (is_cmdgo(session)) session.variables.set_local("PWD", path);
  session.note(path);
  return Answer::done();
}

Answer run_chmod(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "chmod")) return *std::move(refused);
  const bool cmdgo = is_cmdgo(session);
  if (cmdgo ? arguments.size() < 2 : arguments.size() != 2) return fatal("usage: chmod perm paths...");
  // cmd/go reads the number as Go does: 755 is decimal there, and no mode.
  const auto mode = go_number(arguments.front(), cmdgo ? 0 : 8);
  if (!mode || (*mode & ~0777U) != 0)
    return fatal(fmt::format("invalid mode: {}", text::printable(arguments.front())));
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string path = absolute(session, arguments[i]);
    if (Status changed = change_mode(session, path, *mode); !changed.ok())
      return fatal_on("chmod", path, changed.error());
  }
  return Answer::done();
}

Answer run_cp(Session& session, const Arguments& arguments) {
  const bool cmdgo = is_cmdgo(session);
  if (!cmdgo) {
    if (auto refused = unless_alone(session, "cp")) return *std::move(refused);
  }
  if (arguments.size() < 2) return fatal("usage: cp src... dst");
  const std::string target = absolute(session, arguments.back());
  const auto info = session.status_of(target);
  const bool folder = info.ok() && S_ISDIR(info.value().st_mode);
  if (arguments.size() > 2 && !folder)
    return fatal(fmt::format("cp: destination {} is not a directory", text::printable(target)));
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    Answer answer = copy_one(session, arguments[i],
                             folder ? absolute(session, target + "/" + last_part(arguments[i])) : target);
    if (answer.kind != Answer::Kind::done) return answer;
  }
  return Answer::done();
}

Answer run_env(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "env")) return *std::move(refused);
  const bool cmdgo = is_cmdgo(session);
  std::span<const std::string> rest(arguments);
  const bool quote = cmdgo && !rest.empty() && rest.front() == "-r";
  if (quote) rest = rest.subspan(1);
  std::string shown;
  if (rest.empty()) {
    for (const std::string& line : session.variables.list()) shown += line + "\n";
  }
  for (const std::string& word : rest) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      shown += fmt::format("{}={}\n", word, session.lookup(word).value_or(""));
      continue;
    }
    const std::string value = word.substr(equals + 1);
    Status set = session.variables.set(word.substr(0, equals), quote ? quote_meta(value) : value);
    if (!set.ok()) return fatal(set.error().message());
  }
  if (!cmdgo) {
    if (!shown.empty()) session.note(shown.substr(0, shown.size() - 1));
    return Answer::done();
  }
  // Setting a variable leaves an empty stdout behind; stderr stays.
  session.out.clear();
  if (Status kept = session.out.append(shown); !kept.ok()) return fatal(kept.error().message());
  if (!shown.empty()) session.note(shown.substr(0, shown.size() - 1));
  return Answer::done();
}

Answer run_exists(Session& session, const Arguments& arguments) {
  const bool cmdgo = is_cmdgo(session);
  const script::Want want = session.command->want;
  if (want == script::Want::either) return fatal("unsupported: ? exists");
  bool readonly = false, executable = false;
  size_t first = 0;
  for (; first < arguments.size() && (cmdgo || first == 0); ++first) {
    if (arguments[first] == "-readonly") {
      readonly = true;
    } else if (cmdgo && arguments[first] == "-exec") {
      executable = true;
    } else {
      break;
    }
  }
  if (first == arguments.size())
    return fatal(cmdgo ? "usage: exists [-readonly] [-exec] file..." : "usage: exists [-readonly] file...");
  for (; first < arguments.size(); ++first) {
    const std::string path = text::printable(absolute(session, arguments[first]));
    const auto info = session.status_of(arguments[first]);
    // On the host a name that leads out of $WORK is not looked at: neither answer would be true.
    if (!info.ok() && info.error().number() == EXDEV)
      return fatal(Session::describe(arguments[first], info.error()));
    if (want == script::Want::failure) {
      if (!info.ok()) continue;
      return fatal(fmt::format("{} {} unexpectedly exists",
                               S_ISDIR(info.value().st_mode) ? "directory" : "file", path));
    }
    if (!info.ok()) return fatal(path + " does not exist");
    std::string fault = fault_of(path, info.value().st_mode, readonly, executable);
    if (!fault.empty()) return fatal(std::move(fault));
  }
  return Answer::done();
}

Answer run_mkdir(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "mkdir")) return *std::move(refused);
  if (arguments.empty()) return fatal("usage: mkdir dir...");
  for (const std::string& name : arguments) {
    const std::string path = absolute(session, name);
    if (Status made = make_script_directories(session, path); !made.ok())
      return mkdir_failed(session, path, made.error());
  }
  return Answer::done();
}

Answer run_mv(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "mv")) return *std::move(refused);
  if (arguments.size() != 2) return fatal("usage: mv old new");
  const std::string from = absolute(session, arguments[0]), to = absolute(session, arguments[1]);
  if (Status renamed = rename_file(session, from, to); !renamed.ok())
    return fatal_on("rename", from + " " + to, renamed.error());
  return Answer::done();
}

Answer run_rm(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "rm")) return *std::move(refused);
  if (arguments.empty()) return fatal("usage: rm file...");
  for (const std::string& name : arguments) {
    const std::string path = absolute(session, name);
    const auto at = session.locate(path);
    if (!at.ok() && (at.error().number() == ENOENT || at.error().number() == ENOTDIR)) continue;
    if (!at.ok()) return fatal_on("unlinkat", path, at.error());
    if (Status removed = sys::remove_tree_at(at.value().directory(), at.value().name); !removed.ok())
      return fatal_on("unlinkat", path, removed.error());
  }
  return Answer::done();
}

Answer run_symlink(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "symlink")) return *std::move(refused);
  if (arguments.size() != 3 || arguments[1] != "->") return fatal("usage: symlink file -> target");
  const std::string path = absolute(session, arguments[0]);
  const auto at = session.locate(path);
  if (!at.ok()) return fatal_on("symlink", arguments[2] + " " + path, at.error());
  if (::symlinkat(arguments[2].c_str(), at.value().directory(), at.value().name.c_str()) != 0)
    return fatal(go_error("symlink", arguments[2] + " " + path, errno));
  return Answer::done();
}

}  // namespace testctr::interpret::go_family
