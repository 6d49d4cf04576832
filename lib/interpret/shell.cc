// Speaks with the shell: a line at a time on its standard input, answers on a named pipe.
#include "interpret/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <random>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/shell_text.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t held_patience_ns = 100'000'000;       // for what still writes when a case has ended
constexpr uint64_t answer_patience_ns = 10'000'000'000;  // for steps of ours, which run no code of a case
constexpr uint64_t kill_patience_ns = 5'000'000'000;
constexpr size_t retired_most = 4;

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

std::string random_word() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string assignment(const std::string& name, const std::string& value) {
  return fmt::format("{}={}", name, text::shell_quoted(value));
}

}  // namespace

struct Shell::Impl {
  Impl(ShellSetting how, Children& processes) : setting(std::move(how)), children(processes) {}
  ~Impl() {
    if (job != nullptr && !job->status) {
      ::kill(job->pid, SIGKILL);
      (void)children.wait_while([this] { return job->status.has_value(); },
                                sys::monotonic_ns() + kill_patience_ns);
    }
    if (standby > 0) ::kill(standby, SIGKILL);
    if (job != nullptr) children.forget(job);
    for (Source* source : {answers, out, err}) {
      if (source != nullptr) children.drop(source);
    }
  }

  [[nodiscard]] std::string file(std::string_view name) const {
    return fmt::format("{}/{}", setting.control, name);
  }
  [[nodiscard]] std::string quoted(std::string_view name) const { return text::shell_quoted(file(name)); }

  Status write(std::string_view name, std::string_view content) const {
    return sys::write_file_at(AT_FDCWD, file(name), content, 0644).in("the shell's control files");
  }

  /// A named pipe, made anew, and its reading end.
  Result<Fd> make_pipe(const std::string& name) const {
    const std::string path = file(name);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::system("unlink", path);
    if (::mkfifo(path.c_str(), 0600) != 0) return Error::system("mkfifo", path);
    return open_pipe(name);
  }
  Result<Fd> open_pipe(const std::string& name) const {
    Fd fd = TRY(sys::open(file(name), O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
    return above_standard(std::move(fd));
  }

  Status prepare() {
    // The answers' pipe is held open for writing too, so that it has no end.
    const std::string path = file("answer");
    if (::mkfifo(path.c_str(), 0600) != 0) return Error::system("mkfifo", path);
    answers = children.add(TRY(above_standard(TRY(sys::open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW)))));
    for (const char* name : {"wake0", "wake1"}) {
      if (::mkfifo(file(name).c_str(), 0600) != 0) return Error::system("mkfifo", file(name));
    }
    return {};
  }

  /// Starts a shell process. @param environment of it
  Status launch(const std::map<std::string, std::string>& environment) {
    auto [reader, writer] = TRY(sys::pipe());
    Fd input = TRY(above_standard(std::move(reader)));
    Program program;
    program.path = setting.program;
    program.arguments = {setting.program, "-s"};
    for (const auto& [name, value] : environment) program.environment.push_back(name + "=" + value);
    program.directory = setting.directory;
    program.input = input.get();
    auto launched = TRY(children.launch(std::move(program)));
    if (launched.job == nullptr) {
      return Error::system("execve", setting.program, launched.error.number)
          .in("starting the document's shell")
          .hint("`shell:` in the document or --shell names another");
    }
    job = launched.job;
    commands = TRY(above_standard(std::move(writer)));
    return {};
  }

  /// `echo` for an answer: no alias and no function of a case may stand in for it.
  [[nodiscard]] const char* echo() const {
    return kind == ShellKind::bash ? "\\builtin echo" : "\\command echo";
  }

  /// Sends a line. A shell that is gone is seen by its end.
  Status send(std::string line) {
    line += '\n';
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    Status sent = sys::write_full(commands.get(), line);
    ::sigaction(SIGPIPE, &before, nullptr);
    if (!sent.ok() && sent.error().number() == EPIPE) return {};
    return sent;
  }

  /// Takes the answers that have come; others than ours (somebody else wrote to the pipe) are not looked at.
  void take_answers() {
    auto view = answers->buffer.view();
    if (!view.ok()) return;
    std::string_view all = view.value();
    const size_t whole = all.rfind('\n');
    if (whole == std::string_view::npos) return;
    std::string rest(all.substr(whole + 1));
    for (std::string_view line : text::lines(all.substr(0, whole + 1))) {
      line.remove_suffix(1);
      if (!line.starts_with(word + " ")) continue;
      line.remove_prefix(word.size() + 1);
      if (line.starts_with("S ")) {
        took_standby(line.substr(2));
      } else {
        answered = std::string(line);
      }
    }
    answers->buffer.clear();
    (void)answers->buffer.append(rest);
  }

  void took_standby(std::string_view number) {
    retire_standby();
    standby = static_cast<pid_t>(std::strtol(std::string(number).c_str(), nullptr, 10));
    standby_wake = next_wake;
    next_wake ^= 1;
    standby_pending = false;
  }

  void retire_standby() {
    if (standby <= 0) return;
    ::kill(standby, SIGKILL);
    retired.push_back(std::exchange(standby, -1));
    if (retired.size() > retired_most) retired.pop_front();
  }

  /// Waits for the answer to a step of ours. Errors: none came.
  Result<std::string> answer() {
    answered.reset();
    const Pause pause = children.wait_while(
        [this] {
          take_answers();
          return answered.has_value() || job->status.has_value();
        },
        sys::monotonic_ns() + answer_patience_ns);
    if (answered) return *std::exchange(answered, std::nullopt);
    if (pause == Pause::cancelled) return Error::infrastructure("interrupted");
    return Error::infrastructure(fmt::format("the document's shell {} {}", setting.program,
                                             job->status
                                                 ? fmt::format("ended with status {} where it was not to",
                                                               code_of(*job->status))
                                                 : "does not answer"))
        .hint("is it a shell that reads commands from its standard input (`-s`)?");
  }

  Status begin(const std::map<std::string, std::string>& environment, bool with_state) {
    CHECK_OK(launch(environment));
    word = random_word();
    CHECK_OK(send(fmt::format("\\command echo {} K \"${{BASH_VERSION-}}\" >{}", word, quoted("answer"))));
    const std::string version = TRY(answer());
    if (!with_state) {
      kind = version.size() > 2 ? ShellKind::bash : ShellKind::posix;
      const ShellTexts texts = shell_texts(kind, setting.control);
      CHECK_OK(write("init", texts.init));
      CHECK_OK(write("leave", texts.leave));
      CHECK_OK(write("dump", texts.dump));
    }
    std::string line;
    if (!setting.one_process) line += fmt::format(". {} 2>/dev/null;", quoted("init"));
    if (with_state) line += fmt::format(". {} >/dev/null 2>&1;", quoted("state"));
    line += fmt::format("{} {} K >{}", echo(), word, quoted("answer"));
    CHECK_OK(send(line));
    (void)TRY(answer());
    return make_standby();
  }

  Status make_standby() {
    if (setting.one_process) return {};
    standby_pending = true;
    const std::string wake = quoted(next_wake == 0 ? "wake0" : "wake1");
    if (kind == ShellKind::bash) {
      return send(fmt::format(
          "(\\builtin read -r __testctr_x <{};. {})& \\builtin disown;\\builtin echo {} S \"$!\" >{}", wake,
          quoted("dump"), word, quoted("answer")));
    }
    // Without `disown` a `wait` in a case would wait for it: it is a grandchild.
    return send(fmt::format(
        "(\\trap - EXIT;(\\command read -r __testctr_x <{};\\. {})& \\command echo {} S \"$!\" >{})", wake,
        quoted("dump"), word, quoted("answer")));
  }

  // ---- a case
  // -------------------------------------------------------------------------------------------------

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

  /// Files and the line's beginning for what is to be set around the case.
  Result<std::string> before(const CaseOrder& order) {
    std::string line = fmt::format("\\export {};", assignment("SCRUT_TEST", order.place));
    for (const auto& [name, value] : order.assignments) line += assignment(name, value) + ";";
    restore = !order.environment.empty();
    if (!restore) return line;
    std::string set, unset;
    size_t i = 0;
    for (const auto& [name, value] : order.environment) {
      set += fmt::format("__testctr_e{0}=${{{1}+x}} __testctr_v{0}=${{{1}-}}\n\\export {2}\n", i, name,
                         assignment(name, value));
      // What the case made of it itself stays.
      unset += fmt::format(
          "if [ \"${{{1}-}}\" = {2} ]; then if [ -n \"${{__testctr_e{0}-}}\" ]; then {1}=$__testctr_v{0}; "
          "else \\unset "
          "{1}; fi; fi\n\\unset __testctr_e{0} __testctr_v{0}\n",
          i, name, text::shell_quoted(value));
      ++i;
    }
    CHECK_OK(write("before", set));
    CHECK_OK(write("after", unset));
    return line + fmt::format("\\. {};", quoted("before"));
  }

  [[nodiscard]] std::string redirections(const CaseOrder& order) const {
    std::string text = fmt::format(" <{}", text::shell_quoted(order.input));
    if (order.stream == script::Stream::combined) return text + fmt::format(" >{} 2>&1", quoted("out"));
    return text + fmt::format(" >{} 2>{}", quoted("out"), quoted("err"));
  }

  Result<CaseEnd> run(const CaseOrder& order) {
    CHECK_OK(write("case", order.expression + "\n"));
    CHECK_OK(open_stream(out, "out"));
    const bool apart = order.stream != script::Stream::combined;
    if (apart) CHECK_OK(open_stream(err, "err"));
    std::string line = TRY(before(order));
    line += fmt::format("\\. {}{};", quoted("case"), redirections(order));
    line += fmt::format("{} {} K \"$?\" \"${{__testctr_exit+e}}\" >{}", echo(), word, quoted("answer"));
    answered.reset();
    CHECK_OK(send(line));
    CaseEnd end;
    Pause pause = wait_for_end(apart, order.deadline_ns);
    if (pause == Pause::over && answered && answered->ends_with(" e")) {
      CHECK_OK(run_own_trap(order, apart));
      pause = wait_for_end(apart, order.deadline_ns);
    }
    end.how = pause == Pause::over       ? CaseEnd::How::ended
              : pause == Pause::late     ? CaseEnd::How::late
              : pause == Pause::overflow ? CaseEnd::How::overflow
                                         : CaseEnd::How::cancelled;
    if (end.how == CaseEnd::How::late || end.how == CaseEnd::How::overflow) kill_case();
    collect(end, apart);
    CHECK_OK(settle(end));
    return end;
  }

  Pause wait_for_end(bool apart, uint64_t deadline_ns) {
    bool overflow = false;
    const Pause pause = children.wait_while(
        [&] {
          take_answers();
          overflow = out->overflow || out->trouble || (apart && (err->overflow || err->trouble));
          return overflow || answered.has_value() || job->status.has_value();
        },
        deadline_ns);
    return overflow && pause == Pause::over ? Pause::overflow : pause;
  }

  /// The EXIT trap that the case has set runs at its end, with its status and its output.
  Status run_own_trap(const CaseOrder& order, bool apart) {
    own_code = std::strtol(answered->c_str() + 2, nullptr, 10);
    CHECK_OK(
        write("own", fmt::format("__testctr_action=$__testctr_exit\n\\unset __testctr_exit\n(\\exit {})\n"
                                 "\\eval \"$__testctr_action\"\n",
                                 *own_code)));
    for (Source* source : {out, apart ? err : nullptr}) {
      if (source == nullptr || !source->ended) continue;
      source->pipe = TRY(open_pipe(source == out ? "out" : "err"));
      source->ended = false;
    }
    answered.reset();
    return send(fmt::format("\\. {}{};{} {} K {} >{}", quoted("own"), redirections(order), echo(), word,
                            *own_code, quoted("answer")));
  }

  /// Takes the rest of the output. What a process of the background holds open is not waited for long.
  void collect(CaseEnd& end, bool apart) {
    bool held = children.drain_now(*out);
    if (apart && children.drain_now(*err)) held = true;
    if (held && end.how != CaseEnd::How::overflow) {
      (void)children.wait_while(
          [&] { return (out->ended || out->overflow) && (!apart || err->ended || err->overflow); },
          std::min(sys::monotonic_ns() + held_patience_ns, UINT64_MAX));
    }
    end.out = std::exchange(out->buffer, OutputBuffer(setting.control));
    if (apart) end.err = std::exchange(err->buffer, OutputBuffer(setting.control));
    const bool over = out->overflow || (apart && err->overflow);
    if (over && end.how == CaseEnd::How::ended) end.how = CaseEnd::How::overflow;
    for (Source** source : {&out, apart ? &err : nullptr}) {
      if (source != nullptr && !(*source)->ended) children.discard(std::exchange(*source, nullptr));
    }
  }

  /// The case's code, and a shell for the next one.
  Status settle(CaseEnd& end) {
    // Told by the shell itself, unless it is gone.
    if (answered) {
      end.code = static_cast<int>(
          std::strtol(answered->c_str() + std::min<size_t>(2, answered->size()), nullptr, 10));
      answered.reset();
    }
    own_code.reset();
    if (end.how == CaseEnd::How::cancelled) return {};
    if (!job->status) {
      if (restore) CHECK_OK(send(fmt::format("\\. {}", quoted("after"))));
      return make_standby();
    }
    end.shell_ended = true;
    end.code = code_of(*job->status);
    if (WIFSIGNALED(*job->status)) {
      end.signal = WTERMSIG(*job->status);
      if (end.how == CaseEnd::How::ended) end.how = CaseEnd::How::signalled;
    }
    if (setting.one_process) return {};
    return replace();
  }

  // ---- death
  // --------------------------------------------------------------------------------------------------

  /// Kills the shell and what the case started: everything younger than the standby (which was made before
  /// the case) that does not belong to an older process.
  void kill_case() {
    ::kill(job->pid, SIGKILL);
    const uint64_t until = sys::monotonic_ns() + kill_patience_ns;
    for (;;) {
      (void)children.wait_while([] { return false; }, sys::monotonic_ns() + 1'000'000);
      const auto below = Children::left_behind();
      if (!below) break;
      const std::vector<pid_t> doomed = of_the_case(*below);
      if (doomed.empty() && job->status) break;
      for (pid_t pid : doomed) ::kill(pid, SIGKILL);
      if (sys::monotonic_ns() > until) break;
    }
  }

  [[nodiscard]] std::vector<pid_t> of_the_case(const std::vector<Process>& all) const {
    uint64_t started = 0;
    for (const Process& process : all) {
      if (process.pid == standby) started = process.started;
    }
    std::set<pid_t> ours{::getpid(), job->pid};
    std::vector<pid_t> doomed;
    for (const Process& process : all) {  // nearest first, so that a parent comes before its children
      if (process.pid == standby || process.pid == job->pid) continue;
      const bool younger = process.started > started || (process.started == started && process.pid > standby);
      if (!younger || detached.contains(process.pid) || !ours.contains(process.parent)) continue;
      ours.insert(process.pid);
      doomed.push_back(process.pid);
    }
    return doomed;
  }

  [[nodiscard]] Result<bool> state_is_whole() const {
    auto state = sys::read_file(file("state"));
    if (!state.ok()) return state.error().number() == ENOENT ? Result<bool>(false) : std::move(state).error();
    return state.value().ends_with("\n" + state_end + "\n");
  }

  /// A new shell with the state of the one that has ended.
  Status replace() {
    bool whole = TRY(state_is_whole());
    const bool left_by_itself = whole;
    if (!whole) whole = TRY(wake_standby());
    children.forget(job);
    job = nullptr;
    commands.reset();
    retire_standby();
    if (!whole)
      notes.emplace_back("the shell died and its state could not be saved: the next cases begin anew");
    if (kind == ShellKind::posix && whole)
      notes.emplace_back(
          fmt::format("{} cannot write functions down: those of earlier cases are lost with the shell "
                      "that ended (bash can)",
                      setting.program));
    CHECK_OK(begin(whole ? std::map<std::string, std::string>{} : setting.environment, whole));
    if (left_by_itself && restore) CHECK_OK(send(fmt::format("\\. {}", quoted("after"))));
    if (::unlink(file("state").c_str()) != 0 && errno != ENOENT)
      return Error::system("unlink", file("state"));
    return {};
  }

  /// Lets the standby write the state. @return whether it did
  Result<bool> wake_standby() {
    if (standby <= 0) return false;
    const uint64_t until = sys::monotonic_ns() + answer_patience_ns;
    const std::string pipe = file(standby_wake == 0 ? "wake0" : "wake1");
    Fd wake;
    for (;;) {
      auto opened = sys::open(pipe, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
      if (opened.ok()) {
        wake = std::move(opened).value();
        break;
      }
      if (opened.error().number() != ENXIO || ::kill(standby, 0) != 0 || sys::monotonic_ns() > until)
        return false;
      (void)children.wait_while([] { return false; }, sys::monotonic_ns() + 1'000'000);
    }
    CHECK_OK(sys::write_full(wake.get(), "\n"));
    wake.reset();
    while (sys::monotonic_ns() < until) {
      if (TRY(state_is_whole())) return true;
      if (::kill(standby, 0) != 0) return state_is_whole();
      (void)children.wait_while([] { return false; }, sys::monotonic_ns() + 1'000'000);
    }
    return false;
  }

  ShellSetting setting;
  Children& children;
  ShellKind kind = ShellKind::posix;
  Job* job = nullptr;
  Fd commands;
  Source *answers = nullptr, *out = nullptr, *err = nullptr;
  std::string word;  ///< begins every answer to this process
  std::optional<std::string> answered;
  std::optional<long> own_code;
  bool restore = false;  ///< the case has variables of its own
  pid_t standby = -1;
  std::deque<pid_t> retired;  ///< standbys that were killed, but may still be seen
  int standby_wake = 0, next_wake = 0;
  bool standby_pending = false;
  std::set<pid_t> detached;
  std::vector<std::string> notes;
};

Shell::Shell(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shell::~Shell() = default;

Result<std::unique_ptr<Shell>> Shell::start(ShellSetting setting, Children& children) {
  auto impl = std::make_unique<Impl>(std::move(setting), children);
  CHECK_OK(impl->prepare().in("preparing the document's shell"));
  CHECK_OK(impl->begin(impl->setting.environment, false));
  return std::unique_ptr<Shell>(new Shell(std::move(impl)));
}

Result<CaseEnd> Shell::run(const CaseOrder& order) { return impl_->run(order); }

Result<Detached> Shell::detach(const CaseOrder& order, size_t number) {
  Impl& impl = *impl_;
  const std::string name = fmt::format("detached{}", number);
  CHECK_OK(impl.write(name, order.expression + "\n"));
  Detached started;
  started.out = impl.children.add(TRY(impl.make_pipe(name + ".out")));
  const bool apart = order.stream != script::Stream::combined;
  if (apart) started.err = impl.children.add(TRY(impl.make_pipe(name + ".err")));
  std::string line = TRY(impl.before(order));
  line += fmt::format("(trap 'echo $? >{}' EXIT;. {}) <{} >{} 2>{}& ", impl.quoted(name + ".code"),
                      impl.quoted(name), text::shell_quoted(order.input), impl.quoted(name + ".out"),
                      apart ? impl.quoted(name + ".err") : "&1");
  if (impl.kind == ShellKind::bash) line += "\\builtin disown;";
  line += fmt::format("{} {} K \"$!\" >{}", impl.echo(), impl.word, impl.quoted("answer"));
  CHECK_OK(impl.send(line));
  const std::string answer = TRY(impl.answer());
  started.pid =
      static_cast<pid_t>(std::strtol(answer.c_str() + std::min<size_t>(2, answer.size()), nullptr, 10));
  if (started.pid <= 1) return Error::infrastructure("the shell could not start a detached case");
  impl.detached.insert(started.pid);
  if (impl.restore) CHECK_OK(impl.send(fmt::format("\\. {}", impl.quoted("after"))));
  // What comes after is younger than the detached case, and what is killed with a case is told by that.
  CHECK_OK(impl.make_standby());
  return started;
}

Result<std::map<std::string, std::string, std::less<>>> Shell::values_of(
    const std::vector<std::string>& names) {
  Impl& impl = *impl_;
  std::map<std::string, std::string, std::less<>> values;
  if (names.empty() || impl.job == nullptr || impl.job->status) return values;
  std::string query;
  for (const std::string& name : names)
    query += fmt::format("if [ -n \"${{{0}+x}}\" ]; then \\command printf '%s=%s\\0' {0} \"${{{0}}}\"; fi\n",
                         name);
  CHECK_OK(impl.write("query", query));
  CHECK_OK(impl.send(fmt::format("\\. {} >{};{} {} K >{}", impl.quoted("query"), impl.quoted("values"),
                                 impl.echo(), impl.word, impl.quoted("answer"))));
  (void)TRY(impl.answer());
  const std::string text = TRY(sys::read_file(impl.file("values")));
  for (const std::string& entry : text::split(text, '\0')) {
    const size_t equals = entry.find('=');
    if (equals != std::string::npos) values[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return values;
}

ShellKind Shell::kind() const { return impl_->kind; }
bool Shell::alive() const { return impl_->job != nullptr && !impl_->job->status; }
std::vector<std::string> Shell::take_notes() { return std::exchange(impl_->notes, {}); }
std::vector<pid_t> Shell::own() const {
  // The last standby may not have been told of yet.
  Impl& impl = *impl_;
  if (alive() && impl.standby_pending) {
    (void)impl.children.wait_while(
        [&] {
          impl.take_answers();
          return !impl.standby_pending || impl.job->status.has_value();
        },
        sys::monotonic_ns() + answer_patience_ns);
  }
  std::vector<pid_t> pids;
  if (alive()) pids.push_back(impl_->job->pid);
  if (impl_->standby > 0) pids.push_back(impl_->standby);
  pids.insert(pids.end(), impl_->retired.begin(), impl_->retired.end());
  return pids;
}

}  // namespace testctr::interpret
