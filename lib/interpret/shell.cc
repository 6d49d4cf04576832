// Carries out cases in the shell's process, and puts a new one in its place when it has died.
#include "interpret/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/shell_process.h"
#include "interpret/shell_text.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t held_patience_ns = 100'000'000;  // for what still writes when a case has ended

std::string assignment(const std::string& name, const std::string& value) {
  return fmt::format("{}={}", name, text::shell_quoted(value));
}

constexpr size_t most_shell_dump = size_t{64} << 20;
constexpr uint64_t definition_patience_ns = 10'000'000'000;
constexpr std::string_view typed_place = "typed";  // a case of which that is the place was typed by the user
constexpr const char* definitions_name = "__testctr_definitions";

/// The functions at the top level of what `declare -f` printed of a function.
void take_definitions(std::string_view printed, std::map<std::string, std::string>& found) {
  constexpr std::string_view begin = "    function ", behind = " () \n";
  std::string name, text;
  for (std::string_view line : text::lines(printed)) {
    if (name.empty()) {
      if (!line.starts_with(begin) || !line.ends_with(behind)) continue;
      name = line.substr(begin.size(), line.size() - begin.size() - behind.size());
      text = name + std::string(behind);
      continue;
    }
    const bool last = line == "    }\n" || line == "    };\n";
    text += last ? "    }" : line;
    if (!last) continue;
    found[name] = std::exchange(text, "");
    name.clear();
  }
}

/// Whether anybody has opened the pipe behind `source`, which has come to its end, to write. (Its end is
/// reported as a hang-up only then.)
bool was_opened(const Source& source) {
  pollfd asked{source.pipe.get(), POLLIN, 0};
  return source.buffer.size() != 0 || (::poll(&asked, 1, 0) == 1 && (asked.revents & POLLHUP) != 0);
}

}  // namespace

struct Shell::Impl {
  Impl(ShellSetting how, Children& processes)
      : setting(std::move(how)), children(processes), process(setting, processes) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    for (Source* source : {out, err}) {
      if (source != nullptr) children.drop(source);
    }
  }

  /// A named pipe, made anew, and its reading end.
  [[nodiscard]] Result<Fd> make_pipe(const std::string& name) const {
    const std::string path = process.file(name);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::system("unlink", path);
    if (::mkfifo(path.c_str(), 0600) != 0) return Error::system("mkfifo", path);
    return open_pipe(name);
  }
  [[nodiscard]] Result<Fd> open_pipe(const std::string& name) const {
    return above_standard(TRY(sys::open(process.file(name), O_RDONLY | O_NONBLOCK | O_NOFOLLOW)));
  }

  /// The reading end for a stream of the next case. A pipe that somebody still writes to is left to be read
  /// away.
  Status open_stream(Source*& source, const std::string& name) {
    if (source != nullptr && source->ended) {
      Fd pipe = TRY(open_pipe(name));
      children.drop(source);
      source = children.add(std::move(pipe));
      return {};
    }
    if (source != nullptr) children.discard(std::exchange(source, nullptr));
    source = children.add(TRY(make_pipe(name)));
    return {};
  }

  // ---- around a case

  /// Files and the line's beginning for what is to be set before the case.
  Result<std::string> before(const CaseOrder& order) {
    std::string line = fmt::format("\\export {};", assignment("SCRUT_TEST", order.place));
    for (const auto& [name, value] : order.assignments) line += assignment(name, value) + ";";
    restore = !order.environment.empty();
    if (!restore) return line;
    const bool bash = process.kind() == ShellKind::bash;
    std::string set, unset;
    size_t i = 0;
    for (const auto& [name, value] : order.environment) {
      set += fmt::format("__testctr_e{0}=${{{1}+x}} __testctr_v{0}=${{{1}-}}\n", i, name);
      if (bash) {
        set += fmt::format(
            "__testctr_d=$(\\builtin declare -p {1} 2>/dev/null); __testctr_d=${{__testctr_d#declare -}}\n"
            "case ${{__testctr_d%%\" \"*}} in *x*) __testctr_e{0}=xx ;; esac\n",
            i, name);
      }
      set += fmt::format("\\export {}\n", assignment(name, value));
      // What the case made of it itself stays.
      unset += fmt::format(
          "if [ \"${{{1}-}}\" = {2} ]; then if [ -n \"${{__testctr_e{0}-}}\" ]; then "
          "{1}=$__testctr_v{0}\n",
          i, name, text::shell_quoted(value));
      if (bash)
        unset += fmt::format("if [ \"$__testctr_e{0}\" = x ]; then \\builtin export -n {1}; fi\n", i, name);
      unset += fmt::format("else \\unset {1}; fi; fi\n\\unset __testctr_e{0} __testctr_v{0}\n", i, name);
      ++i;
    }
    CHECK_OK(process.write("before", set));
    CHECK_OK(process.write("after", unset));
    return line + fmt::format("\\. {};", process.quoted("before"));
  }
  Status after() { return process.send(fmt::format("\\. {}", process.quoted("after"))); }

  [[nodiscard]] std::string redirections(const CaseOrder& order) const {
    std::string text = fmt::format(" <{} >{}", text::shell_quoted(order.input), process.quoted("out"));
    if (order.stream == script::Stream::combined) return text + " 2>&1";
    return text + fmt::format(" 2>{}", process.quoted("err"));
  }

  // ---- a case

  Result<CaseEnd> run(const CaseOrder& order) {
    // bash does not take a DEBUG trap along into a file that it sources.
    CHECK_OK(process.write("case", (debug_trap ? "\\builtin trap -- \"$__testctr_debug\" DEBUG;" : "") +
                                       order.expression + "\n"));
    CHECK_OK(open_stream(out, "out"));
    const bool apart = order.stream != script::Stream::combined;
    if (apart) CHECK_OK(open_stream(err, "err"));
    std::string line = TRY(before(order));
    if (!setting.one_process) line += fmt::format("__testctr_apart={};", apart ? "1" : "");
    line += process.announcement(order.input);
    line += fmt::format("{} {}{};{}\n", source_word(), process.quoted("case"), redirections(order),
                        process.say("K \"$?\" \"${__testctr_exit+e}${__testctr_debug+d}\""));
    // Without a standby nothing tells what is older.
    earlier = detached;
    if (setting.one_process && order.place == typed_place)
      for (const Process& one : Children::left_behind().value_or(std::vector<Process>()))
        earlier.insert(one.pid);
    process.expect_case();
    CHECK_OK(process.send(line));
    CaseEnd end;
    end.how = wait_for_end(apart, order.deadline_ns);
    if (end.how == CaseEnd::How::ended && process.answered &&
        process.answered->find('e') != std::string::npos) {
      const std::vector<Fd> held = TRY(run_own_trap(order, apart));
      end.how = wait_for_end(apart, order.deadline_ns);
    }
    if (end.how == CaseEnd::How::late || end.how == CaseEnd::How::overflow || end.how == CaseEnd::How::silent)
      process.kill_case(detached);
    collect(end, apart);
    CHECK_OK(settle(end));
    return end;
  }

  [[nodiscard]] const char* source_word() const {
    return process.kind() == ShellKind::bash ? "\\builtin ." : "\\.";
  }

  CaseEnd::How wait_for_end(bool apart, uint64_t deadline_ns) {
    bool overflow = false, silent = false;
    const auto over = [&] {
      process.take_answers();
      silent = process.idle_without_answer() && process.alive();
      overflow = out->overflow || out->trouble || (apart && (err->overflow || err->trouble));
      return overflow || silent || process.answered.has_value() || !process.alive();
    };
    Pause pause = children.wait_while(over, deadline_ns);
    if (pause == Pause::cancelled && children.resume()) {
      pause = Pause::late;
      for (const int signal : {SIGINT, SIGKILL}) {
        if (pause != Pause::late) break;
        process.signal_case(earlier, signal);
        pause = children.wait_while(
            over, std::min(deadline_ns, sys::monotonic_ns() + Children::interrupt_patience_ns));
      }
    }
    if (pause == Pause::cancelled) return CaseEnd::How::cancelled;
    if (pause != Pause::over) return CaseEnd::How::late;
    if (overflow) return CaseEnd::How::overflow;
    return silent ? CaseEnd::How::silent : CaseEnd::How::ended;
  }

  /// The EXIT trap that the case has set runs at its end, with its status and its output. @return what keeps
  /// its output open until it has ended
  Result<std::vector<Fd>> run_own_trap(const CaseOrder& order, bool apart) {
    const long code = std::strtol(process.answered->c_str(), nullptr, 10);
    CHECK_OK(process.write("own", fmt::format("__testctr_action=$__testctr_exit\n\\unset __testctr_exit\n"
                                              "(\\exit {})\n\\eval \"$__testctr_action\"\n",
                                              code)));
    std::vector<Fd> held;
    for (Source* source : {out, apart ? err : nullptr}) {
      if (source == nullptr) continue;
      const std::string name = source == out ? "out" : "err";
      if (source->ended) source->pipe = TRY(open_pipe(name));
      source->ended = false;
      // Else the end of the case itself, which may not have been seen yet, would be taken for the trap's: the
      // shell would wait for a reader, and nobody came.
      if (auto end = sys::open(process.file(name), O_WRONLY | O_NONBLOCK | O_NOFOLLOW); end.ok())
        held.push_back(std::move(end).value());
    }
    process.expect_case();
    CHECK_OK(
        process.send(process.announcement(order.input) +
                     fmt::format("{} {}{};{}\n", source_word(), process.quoted("own"), redirections(order),
                                 process.say(fmt::format("K {} \"${{__testctr_debug+d}}\"", code)))));
    return held;
  }

  /// Takes the rest of the output. What a process of the background holds open is not waited for long.
  void collect(CaseEnd& end, bool apart) {
    bool held = children.drain_now(*out);
    if (apart && children.drain_now(*err)) held = true;
    if (held && end.how != CaseEnd::How::overflow) {
      (void)children.wait_while(
          [&] { return (out->ended || out->overflow) && (!apart || err->ended || err->overflow); },
          sys::monotonic_ns() + held_patience_ns);
    }
    if (end.how == CaseEnd::How::ended && (!process.begun || (out->ended && !was_opened(*out))))
      end.how = CaseEnd::How::not_begun;
    const bool over = out->overflow || (apart && err->overflow);
    end.out = std::exchange(out->buffer, OutputBuffer(setting.control));
    if (apart) end.err = std::exchange(err->buffer, OutputBuffer(setting.control));
    if (end.how == CaseEnd::How::not_begun || (over && end.how == CaseEnd::How::ended)) {
      // What it has left in the background would write for ever.
      if (over) end.how = CaseEnd::How::overflow;
      if (process.status() == std::nullopt) process.kill_case(detached);
    }
    for (Source** source : {&out, apart ? &err : nullptr}) {
      if (source != nullptr && !(*source)->ended) children.discard(std::exchange(*source, nullptr));
    }
  }

  /// The case's code, and a shell for the next one.
  Status settle(CaseEnd& end) {
    // Told by the shell itself, unless it is gone.
    if (process.answered) {
      end.code = static_cast<int>(std::strtol(process.answered->c_str(), nullptr, 10));
      debug_trap = process.answered->find('d') != std::string::npos;
    }
    process.answered.reset();
    if (end.how == CaseEnd::How::cancelled) return {};
    const std::optional<int> status = process.status();
    if (!status) {
      if (restore) CHECK_OK(after());
      return process.make_standby();
    }
    end.shell_ended = true;
    if (WIFSIGNALED(*status)) {
      end.signal = WTERMSIG(*status);
      end.code = 128 + end.signal;
      if (end.how == CaseEnd::How::ended) end.how = CaseEnd::How::signalled;
    } else {
      end.code = WEXITSTATUS(*status);
    }
    if (setting.one_process) return {};
    return replace(end);
  }

  /// A new shell with the state of the one that has ended: its own, when it could still write that down, else
  /// that of the end of the case before.
  Status replace(CaseEnd& end) {
    const bool left_by_itself = TRY(process.state_is_whole());
    const bool whole = left_by_itself || TRY(process.wake_standby());
    process.clear();
    end.state_lost = !whole;
    if (!whole) return {};
    if (process.kind() == ShellKind::posix) {
      notes.emplace_back(
          fmt::format("{} cannot write down functions and traps: those of earlier cases are lost with the "
                      "shell that ended (bash can)",
                      setting.program));
      // Its own trap was in the place of ours, for example.
      if (!left_by_itself && end.how == CaseEnd::How::ended)
        notes.emplace_back(
            "what the case that ended the shell had set is lost, too, and what an EXIT trap of its own "
            "printed");
    }
    end.state_lost = !TRY(process.begin({}, true));
    if (end.state_lost) return {};
    if (left_by_itself && restore) CHECK_OK(after());
    if (::unlink(process.file("state").c_str()) != 0 && errno != ENOENT)
      return Error::system("unlink", process.file("state"));
    return {};
  }

  ShellSetting setting;
  Children& children;
  ShellProcess process;
  Source *out = nullptr, *err = nullptr;
  bool restore = false;     ///< the case has variables of its own
  bool debug_trap = false;  ///< one is set, as of the end of the last case
  std::set<pid_t> detached;
  std::set<pid_t> earlier;  ///< not what was typed, nor started by it
  std::vector<std::string> notes;
};

Shell::Shell(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shell::~Shell() = default;

Result<std::unique_ptr<Shell>> Shell::start(ShellSetting setting, Children& children) {
  auto impl = std::make_unique<Impl>(std::move(setting), children);
  (void)TRY(impl->process.begin(impl->setting.environment, false));
  return std::unique_ptr<Shell>(new Shell(std::move(impl)));
}

Result<CaseEnd> Shell::run(const CaseOrder& order) { return impl_->run(order); }

Result<Detached> Shell::detach(const CaseOrder& order, size_t number) {
  Impl& impl = *impl_;
  ShellProcess& process = impl.process;
  const std::string name = fmt::format("detached{}", number);
  CHECK_OK(process.write(name, order.expression + "\n"));
  Detached started;
  started.out = impl.children.add(TRY(impl.make_pipe(name + ".out")));
  const bool apart = order.stream != script::Stream::combined;
  if (apart) started.err = impl.children.add(TRY(impl.make_pipe(name + ".err")));
  std::string line = TRY(impl.before(order));
  // Two processes, so that nothing that the case does - `exec`, a trap, its death - keeps its status from us.
  // They are no children of the shell: `wait` and `$!` of the other cases do not know them. With monitor mode
  // bash does not have them ignore SIGINT.
  const bool bash = process.kind() == ShellKind::bash;
  const std::string special = bash ? "\\builtin" : "\\command";
  line += fmt::format(
      "({0} trap - EXIT;{1}({2}{0} trap '{0} echo \"$?\" >{3}' EXIT;({0} trap - EXIT;{4} {5})) <{6} >{7} "
      "2>{8}& {9})",
      special, bash ? "\\builtin set -m;" : "", bash ? "\\builtin set +m;" : "",
      process.quoted(name + ".code"), impl.source_word(), process.quoted(name),
      text::shell_quoted(order.input), process.quoted(name + ".out"),
      apart ? process.quoted(name + ".err") : "&1", process.say("K \"$!\""));
  CHECK_OK(process.send(line));
  const std::string answer = TRY(process.answer());
  started.pid = static_cast<pid_t>(std::strtol(answer.c_str(), nullptr, 10));
  if (started.pid <= 1) return Error::infrastructure("the shell could not start a detached case");
  impl.detached.insert(started.pid);
  if (impl.restore) CHECK_OK(impl.after());
  // What comes after is younger than the detached case, and what is killed with a case is told by that.
  CHECK_OK(process.make_standby());
  return started;
}

Result<std::map<std::string, std::string, std::less<>>> Shell::values_of(
    const std::vector<std::string>& names) {
  ShellProcess& process = impl_->process;
  std::map<std::string, std::string, std::less<>> values;
  if (names.empty() || !process.alive()) return values;
  const char* printf = process.kind() == ShellKind::bash ? "\\builtin printf" : "\\command printf";
  std::string query;
  for (const std::string& name : names)
    query +=
        fmt::format("if [ -n \"${{{0}+x}}\" ]; then {1} '%s=%s\\0' {0} \"${{{0}}}\"; fi\n", name, printf);
  CHECK_OK(process.write("query", query));
  CHECK_OK(process.send(
      fmt::format("\\. {} >|{};{}", process.quoted("query"), process.quoted("values"), process.say("K"))));
  (void)TRY(process.answer());
  const std::string text = TRY(sys::read_file(process.file("values")));
  for (const std::string& entry : text::split(text, '\0')) {
    const size_t equals = entry.find('=');
    if (equals != std::string::npos) values[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return values;
}

Result<ShellState> Shell::state() {
  ShellProcess& process = impl_->process;
  if (!process.alive()) return Error::infrastructure("the shell has ended: what it had set is gone");
  CHECK_OK(process.write("cross", shell_cross_text(process.kind(), impl_->setting.control)));
  const bool bash = process.kind() == ShellKind::bash;
  for (const char* name : {"crossing", "variables", "exports", "aliases", "options"}) {
    if (::unlink(process.file(name).c_str()) != 0 && errno != ENOENT)
      return Error::system("unlink", process.file(name));
  }
  CHECK_OK(process.send(fmt::format("(\\{} {}) </dev/null >/dev/null 2>&1;{}", bash ? "builtin ." : ".",
                                    process.quoted("cross"), process.say("K"))));
  (void)TRY(process.answer());
  const auto written = [&](const char* name) { return sys::read_file(process.file(name), most_shell_dump); };
  if (bash) return shell_state_from_bash(TRY_IN(written("crossing"), "the shell's state"));
  return shell_state_from_posix(
      TRY_IN(written("variables"), "the shell's state"), TRY_IN(written("exports"), "the shell's state"),
      TRY_IN(written("aliases"), "the shell's state"), TRY_IN(written("options"), "the shell's state"));
}

Result<std::vector<std::string>> Shell::take_state(const ShellState& current, const ShellState& wanted) {
  ShellProcess& process = impl_->process;
  const bool bash = process.kind() == ShellKind::bash;
  std::vector<std::string> said;
  CHECK_OK(process.write("load", load_text(current, wanted, bash, said)));
  CHECK_OK(process.send(fmt::format("\\{} {} </dev/null >/dev/null 2>&1;{}", bash ? "builtin ." : ".",
                                    process.quoted("load"), process.say("K \"${__testctr_lost-}\""))));
  const std::string lost = TRY(process.answer());
  if (const std::string_view names = text::trim(lost); !names.empty())
    said.push_back(fmt::format("functions that this shell cannot read are not carried over: {}",
                               text::printable(names)));
  CHECK_OK(process.make_standby());
  return said;
}

Result<std::map<std::string, std::string>> Shell::functions_in(const std::string& bash,
                                                               const std::vector<std::string>& expressions) {
  Impl& impl = *impl_;
  std::map<std::string, std::string> found;
  const auto run = [&](const std::string& flag, const std::string& file) -> Result<std::string> {
    Program program;
    program.path = bash;
    program.arguments = {bash, "--noprofile", "--norc", "-O", "extglob", flag, file};
    program.environment = {"PATH=/nonexistent", "LC_ALL=C"};
    program.directory = impl.setting.control;
    Job* job = TRY(impl.children.launch(std::move(program))).job;
    if (job == nullptr) return std::string();
    const Pause pause = impl.children.wait_for(*job, sys::monotonic_ns() + definition_patience_ns);
    std::string printed = "-";
    if (pause == Pause::over && job->status && *job->status == 0) {
      auto view = job->output.view();
      if (view.ok()) printed = "+" + std::string(view.value());
    }
    impl.children.forget(job);
    return printed;
  };
  for (const std::string& expression : expressions) {
    // What is wellformed alone cannot end the function that is put around it: nothing of it is ever run.
    CHECK_OK(impl.process.write("expression", expression + "\n"));
    if (!TRY(run("-n", impl.process.file("expression"))).starts_with('+')) continue;
    CHECK_OK(impl.process.write("definitions", fmt::format("{0}() {{\n{1}\n}}\n\\builtin declare -f {0}\n",
                                                           definitions_name, expression)));
    const std::string printed = TRY(run("+v", impl.process.file("definitions")));
    if (printed.starts_with('+')) take_definitions(std::string_view(printed).substr(1), found);
  }
  return found;
}

Status Shell::change_directory(const std::string& path) {
  ShellProcess& process = impl_->process;
  const bool bash = process.kind() == ShellKind::bash;
  CHECK_OK(
      process.send(fmt::format("\\{} cd -- {} </dev/null >/dev/null 2>&1;{}", bash ? "builtin" : "command",
                               text::shell_quoted(path), process.say("K \"$?\""))));
  if (TRY(process.answer()) != "0")
    return Error::usage(fmt::format("the shell's working directory {} is not there", text::quoted(path)));
  return process.make_standby();
}

ShellKind Shell::kind() const { return impl_->process.kind(); }
bool Shell::alive() const { return impl_->process.alive(); }
std::vector<std::string> Shell::take_notes() { return std::exchange(impl_->notes, {}); }
std::vector<pid_t> Shell::own() const {
  impl_->process.settle_standby();
  return impl_->process.own();
}

}  // namespace testctr::interpret
