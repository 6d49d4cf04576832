// Commands on files, variables and the working directory of cmd/go's script tests and of testscript: what
// they do is what ours do, what they refuse and how they say it is their own.
#include <sys/stat.h>

#include "base/text.h"
#include "interpret/go_commands.h"
#include "interpret/go_family.h"
#include "interpret/pattern.h"

namespace testctr::interpret::go_family {
namespace {

/// A command of ours, whose refusal ends the script.
Answer as_ours(Answer (*run)(Session&, const Arguments&), Session& session, const Arguments& arguments) {
  Answer answer = run(session, arguments);
  if (answer.kind == Answer::Kind::failed) answer.kind = Answer::Kind::misuse;
  return answer;
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
  Arguments octal(arguments);
  octal.front() = fmt::format("{:o}", *mode);
  return as_ours(interpret::run_chmod, session, octal);
}

Answer run_cp(Session& session, const Arguments& arguments) {
  const bool cmdgo = is_cmdgo(session);
  if (!cmdgo) {
    if (auto refused = unless_alone(session, "cp")) return *std::move(refused);
  }
  if (arguments.size() < 2) return fatal("usage: cp src... dst");
  const auto target = session.status_of(arguments.back());
  if (arguments.size() > 2 && (!target.ok() || !S_ISDIR(target.value().st_mode)))
    return fatal(fmt::format("cp: destination {} is not a directory",
                             text::printable(absolute(session, arguments.back()))));
  // `!` and `?` are about the writing alone.
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (session.is_output(arguments[i])) continue;
    const auto source = session.status_of(arguments[i]);
    if (!source.ok()) return fatal_on("stat", absolute(session, arguments[i]), source.error());
    auto content = session.load(arguments[i]);
    if (!content.ok()) return fatal_on("read", absolute(session, arguments[i]), content.error());
  }
  Answer answer = interpret::run_cp(session, arguments);
  const script::Want want = session.command->want;
  if (answer.kind == Answer::Kind::done)
    return want == script::Want::failure ? fatal("unexpected command success") : Answer::done();
  if (answer.kind == Answer::Kind::failed && want != script::Want::success) return Answer::done();
  if (answer.kind == Answer::Kind::failed) answer.kind = Answer::Kind::misuse;
  return answer;
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
  return as_ours(interpret::run_mkdir, session, arguments);
}

Answer run_mv(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "mv")) return *std::move(refused);
  if (arguments.size() != 2) return fatal("usage: mv old new");
  return as_ours(interpret::run_mv, session, arguments);
}

Answer run_rm(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "rm")) return *std::move(refused);
  if (arguments.empty()) return fatal("usage: rm file...");
  return as_ours(interpret::run_rm, session, arguments);
}

Answer run_symlink(Session& session, const Arguments& arguments) {
  if (auto refused = unless_alone(session, "symlink")) return *std::move(refused);
  if (arguments.size() != 3 || arguments[1] != "->") return fatal("usage: symlink file -> target");
  return as_ours(interpret::run_symlink, session, arguments);
}

}  // namespace testctr::interpret::go_family
