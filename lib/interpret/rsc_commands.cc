#include "interpret/rsc_commands.h"

#include <sys/stat.h>

#include <charconv>

#include "base/text.h"
#include "interpret/diff.h"
#include "interpret/expand.h"
#include "interpret/go_commands.h"
#include "interpret/pattern.h"
#include "interpret/rules.h"

namespace testctr::interpret {
namespace {

Answer invalid_usage(std::string_view usage) {
  return Answer::misuse("invalid usage", fmt::format("usage: {}", usage));
}

Answer cd(Session& session, const Arguments& arguments) {
  // A file will do here as well as a folder.
  const std::string path = clean_path(session.path(arguments.front()));
  const auto info = session.status_of(path);
  if (!info.ok()) return Answer::failed("chdir " + Session::describe(path, info.error()));
  session.directory = path;
  session.variables.set_local("PWD", path);
  session.note(path);
  return Answer::done();
}

Answer chmod(Session& session, const Arguments& arguments) {
  const auto mode = go_number(arguments.front(), 0);
  if (!mode || (*mode & ~0777U) != 0)
    return Answer::failed(fmt::format("invalid mode: {}", text::printable(arguments.front())));
  Arguments octal(arguments);
  octal.front() = fmt::format("{:o}", *mode);
  return run_chmod(session, octal);
}

/// @param first it may be an output; the second side is always a file
Result<OutputBuffer> side(Session& session, const std::string& name, bool first, bool env) {
  OutputBuffer content(session.setting.work);
  if (first && (name == "stdout" || name == "stderr")) {
    CHECK_OK(content.append(TRY((name == "stdout" ? session.out : session.err).view())));
  } else {
    content = TRY(session.load(name));
  }
  if (!env) return content;
  OutputBuffer expanded(session.setting.work);
  CHECK_OK(expand(
      TRY(content.view()), [&](std::string_view n) { return session.lookup(n); },
      [&](std::string_view part) { return expanded.append(part); }, session.rules->expansion));
  return expanded;
}

Answer compare(Session& session, const Arguments& arguments, bool env) {
  std::span<const std::string> names(arguments);
  const bool quiet = names.front() == "-q";
  if (quiet) names = names.subspan(1);
  if (names.size() != 2) return invalid_usage("cmp [-q] file1 file2");
  auto left = side(session, names[0], true, env), right = side(session, names[1], false, env);
  if (!left.ok()) return Answer::failed(left.error());
  if (!right.ok()) return Answer::failed(right.error());
  auto one = left.value().view(), other = right.value().view();
  if (!one.ok() || !other.ok()) return Answer::failed((one.ok() ? other : one).error());
  if (one.value() == other.value()) return Answer::done();
  const std::string first = text::printable(names[0]), second = text::printable(names[1]);
  Answer answer = Answer::failed(fmt::format("{} and {} differ", first, second));
  if (!quiet && session.command->want != script::Want::failure)
    answer.failure.diff = unified_diff(first, one.value(), second, other.value());
  return answer;
}

Answer cmp(Session& session, const Arguments& arguments) { return compare(session, arguments, false); }
Answer cmpenv(Session& session, const Arguments& arguments) { return compare(session, arguments, true); }

Answer env(Session& session, const Arguments& arguments) {
  // `-r` is a variable's name like any other.
  std::string shown;
  for (const std::string& word : arguments) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      shown += fmt::format("{}={}\n", word, session.lookup(word).value_or(""));
      continue;
    }
    if (Status set = session.variables.set(word.substr(0, equals), word.substr(equals + 1)); !set.ok())
      return Answer::failed(set.error());
  }
  if (arguments.empty()) {
    for (const std::string& line : session.variables.list()) shown += line + "\n";
  }
  if (shown.empty()) return Answer::done();
  Status kept = session.set_output(shown);
  return kept.ok() ? Answer::done() : Answer::failed(kept.error());
}

Answer exists(Session& session, const Arguments& arguments) {
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
  if (first == arguments.size()) return invalid_usage("exists [-readonly] [-exec] file...");
  for (; first < arguments.size(); ++first) {
    const std::string name = text::printable(arguments[first]);
    const auto info = session.status_of(arguments[first]);
    if (!info.ok()) return Answer::failed("stat " + Session::describe(arguments[first], info.error()));
    if (readonly && (info.value().st_mode & 0222) != 0)
      return Answer::failed(name + " exists but is writable");
    if (executable && (info.value().st_mode & 0111) == 0)
      return Answer::failed(name + " exists but is not executable");
  }
  return Answer::done();
}

/// The options are known in this order alone.
struct Options {
  uint64_t count = 0;
  bool quiet = false;
};

std::optional<Answer> take_options(std::span<const std::string>& rest, Options& options) {
  if (!rest.empty() && rest.front().starts_with("-count=")) {
    const std::string_view number = std::string_view(rest.front()).substr(7);
    int64_t count = 0;
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (problem != std::errc() || end != number.data() + number.size())
      return Answer::failed(
          fmt::format("bad -count=: strconv.Atoi: parsing {}: invalid syntax", text::quoted(number)));
    if (count < 1) return Answer::failed("bad -count=: must be at least 1");
    options.count = static_cast<uint64_t>(count);
    rest = rest.subspan(1);
  }
  if (!rest.empty() && rest.front() == "-q") {
    options.quiet = true;
    rest = rest.subspan(1);
  }
  return std::nullopt;
}

/// @param content null: that of the file behind the pattern
Answer match(Session& session, const Arguments& arguments, OutputBuffer* content, const std::string& name) {
  std::span<const std::string> rest(arguments);
  Options options;
  if (auto wrong = take_options(rest, options)) return *std::move(wrong);
  const bool grep = content == nullptr;
  if (rest.size() != (grep ? 2 : 1))
    return invalid_usage(fmt::format("{} [-count=N] [-q] 'pattern'{}", name, grep ? " file" : ""));
  const std::string shown = fmt::format("`(?m){}`", text::printable(rest[0]));
  auto pattern = Pattern::compile(rest[0]);
  if (!pattern.ok()) return Answer::failed(pattern.error());
  OutputBuffer loaded(session.setting.work), storage(session.setting.work);
  if (grep) {
    auto file = session.load(rest[1]);
    if (!file.ok()) return Answer::failed(file.error());
    loaded = std::move(file).value();
    content = &loaded;
  }
  auto valid = valid_text(*content, storage);
  if (!valid.ok()) return Answer::failed(valid.error());
  const std::string where = text::printable(grep ? rest[1] : name);
  if (options.count > 0) {
    const uint64_t found = pattern.value().count(valid.value());
    return found == options.count
               ? Answer::done()
               : Answer::failed(fmt::format("found {} matches for {} in {}", found, shown, where));
  }
  const auto found = pattern.value().find(valid.value());
  if (!found)
    return Answer::failed(fmt::format("no match for {} in {}", shown, where), "a match for " + shown,
                          excerpt(valid.value()));
  if (!options.quiet) session.note(fmt::format("matched: {}", excerpt(lines_around(valid.value(), *found))));
  return Answer::done();
}

Answer match_stdout(Session& session, const Arguments& arguments) {
  return match(session, arguments, &session.out, "stdout");
}
Answer match_stderr(Session& session, const Arguments& arguments) {
  return match(session, arguments, &session.err, "stderr");
}
Answer grep(Session& session, const Arguments& arguments) {
  return match(session, arguments, nullptr, "grep");
}

/// Skipping is an error that says so: `!` and `?` are content with it, and the script goes on.
Answer skip(Session& session, const Arguments& arguments) {
  if (session.command->want != script::Want::success) return Answer::failed("skip");
  return run_skip(session, arguments);
}

Answer stop(Session& session, const Arguments& arguments) {
  session.note(arguments.empty() ? "stop" : "stop: " + arguments.front());
  return run_stop(session, arguments);
}

/// It is a command with output, which is empty.
Answer sleep(Session& session, const Arguments& arguments) {
  if (!text::parse_duration(arguments.front()))
    return Answer::failed(fmt::format("time: invalid duration {}", text::quoted(arguments.front())));
  Answer answer = run_sleep(session, arguments);
  if (answer.kind != Answer::Kind::done) return answer;
  session.out.clear();
  session.err.clear();
  return answer;
}

Answer wait(Session& session, const Arguments& arguments) {
  if (!arguments.empty()) return invalid_usage("wait");
  Answer answer = run_wait(session, arguments);
  if (answer.kind == Answer::Kind::done && session.command->want == script::Want::failure) {
    // `!` says nothing about it: each command has been judged by its own.
    answer.kind = Answer::Kind::deferred;
  }
  return answer;
}

// Sorted by name.
constexpr CommandInfo table[] = {
    {.name = "cat",
     .usage = "files...",
     .summary = "print the contents of files",
     .least = 1,
     .run = run_cat},
    {.name = "cc",
     .usage = "args... [&]",
     .summary = "run the C compiler",
     .least = 1,
     .background = true,
     .run = run_cc},
    {.name = "cd",
     .usage = "dir",
     .summary = "change the working directory",
     .least = 1,
     .most = 1,
     .run = cd},
    {.name = "chmod",
     .usage = "perm paths...",
     .summary = "change the mode of files",
     .least = 2,
     .run = chmod},
    {.name = "cmp",
     .usage = "[-q] file1 file2",
     .summary = "compare files for differences",
     .least = 2,
     .most = 3,
     .run = cmp},
    {.name = "cmpenv",
     .usage = "[-q] file1 file2",
     .summary = "compare files with variables put in",
     .least = 2,
     .most = 3,
     .run = cmpenv},
    {.name = "cp",
     .usage = "src... dst",
     .summary = "copy files to a target file or folder",
     .least = 2,
     .run = run_cp},
    {.name = "echo", .usage = "string...", .summary = "print words", .run = run_echo},
    {.name = "env", .usage = "[key[=value]...]", .summary = "set or print variables", .run = env},
    {.name = "exec",
     .usage = "program [args...] [&]",
     .summary = "run a program",
     .least = 1,
     .background = true,
     .run = run_exec},
    {.name = "exists",
     .usage = "[-readonly] [-exec] file...",
     .summary = "check that files exist",
     .run = exists},
    {.name = "go",
     .usage = "args... [&]",
     .summary = "run the go command",
     .background = true,
     .run = run_go},
    {.name = "grep",
     .usage = "[-count=N] [-q] 'pattern' file",
     .summary = "find lines in a file",
     .pattern = true,
     .run = grep},
    {.name = "help", .usage = "[-v] name...", .summary = "print what commands there are", .run = run_help},
    {.name = "mkdir",
     .usage = "path...",
     .summary = "make folders and those above them",
     .least = 1,
     .run = run_mkdir},
    {.name = "mv",
     .usage = "old new",
     .summary = "rename a file or folder",
     .least = 2,
     .most = 2,
     .run = run_mv},
    {.name = "replace",
     .usage = "[old new]... file",
     .summary = "replace strings in a file",
     .least = 1,
     .run = run_replace},
    {.name = "rm", .usage = "path...", .summary = "remove files or folders", .least = 1, .run = run_rm},
    {.name = "skip", .usage = "[msg]", .summary = "skip the test", .most = 1, .run = skip},
    {.name = "sleep",
     .usage = "duration [&]",
     .summary = "do nothing for a time",
     .least = 1,
     .most = 1,
     .background = true,
     .run = sleep},
    {.name = "stale",
     .usage = "target...",
     .summary = "check that targets are stale",
     .least = 1,
     .run = run_stale},
    {.name = "stderr",
     .usage = "[-count=N] [-q] 'pattern'",
     .summary = "find lines in the last stderr",
     .pattern = true,
     .run = match_stderr},
    {.name = "stdout",
     .usage = "[-count=N] [-q] 'pattern'",
     .summary = "find lines in the last stdout",
     .pattern = true,
     .run = match_stdout},
    {.name = "stop", .usage = "[msg]", .summary = "end the script", .most = 1, .run = stop},
    {.name = "symlink",
     .usage = "path -> target",
     .summary = "make a symbolic link",
     .least = 3,
     .most = 3,
     .run = run_symlink},
    {.name = "wait", .usage = "", .summary = "wait for background commands", .run = wait},
};

}  // namespace

std::span<const CommandInfo> rsc_commands() { return table; }

}  // namespace testctr::interpret
