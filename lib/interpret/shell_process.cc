// Starts, asks and ends the process of a document's shell.
#include "interpret/shell_process.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/case_family.h"
#include "interpret/shell_text.h"

namespace testctr::interpret {
namespace {

constexpr uint64_t answer_patience_ns = 10'000'000'000;  // for steps of ours, which run no code of a case
constexpr uint64_t kill_patience_ns = 5'000'000'000;
constexpr uint64_t look_interval_ns = 1'000'000;
constexpr size_t retired_most = 4;

std::string random_word() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

/// Writes all of it to a pipe: false if nobody reads it any more.
Result<bool> write_if_read(int pipe, std::string_view bytes) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  Status written = sys::write_full(pipe, bytes);
  ::sigaction(SIGPIPE, &before, nullptr);
  if (written.ok()) return true;
  if (written.error().number() == EPIPE) return false;
  return std::move(written).error();
}

pid_t process_number(std::string_view text) {
  const long number = std::strtol(std::string(text).c_str(), nullptr, 10);
  return number > 1 && number <= INT32_MAX ? static_cast<pid_t>(number) : -1;
}

}  // namespace

ShellProcess::~ShellProcess() {
  if (alive()) {
    ::kill(job_->pid, SIGKILL);
    (void)children_.wait_while([this] { return job_->status.has_value(); },
                               sys::monotonic_ns() + kill_patience_ns);
  }
  if (standby_ > 0) ::kill(standby_, SIGKILL);
  if (job_ != nullptr) children_.forget(job_);
  if (answers_ != nullptr) children_.drop(answers_);
}

std::string ShellProcess::quoted(std::string_view name) const { return text::shell_quoted(file(name)); }

Status ShellProcess::write(std::string_view name, std::string_view content) const {
  return sys::write_file_at(AT_FDCWD, file(name), content, 0644).in("the shell's control files");
}

Status ShellProcess::make_pipes() {
  if (answers_ != nullptr) children_.drop(std::exchange(answers_, nullptr));
  for (const char* name : {"answer", "wake0", "wake1"}) {
    if (::unlink(file(name).c_str()) != 0 && errno != ENOENT) return Error::system("unlink", file(name));
    if (::mkfifo(file(name).c_str(), 0600) != 0) return Error::system("mkfifo", file(name));
  }
  // Held open for writing too, so that it has no end.
  Fd pipe = TRY(above_standard(TRY(sys::open(file("answer"), O_RDWR | O_NONBLOCK | O_NOFOLLOW))));
  answers_ = children_.add(std::move(pipe));
  return {};
}

Status ShellProcess::launch(const std::map<std::string, std::string>& environment) {
  auto [reader, writer] = TRY(sys::pipe());
  Fd input = TRY(above_standard(std::move(reader)));
  Program program;
  program.path = setting_.program;
  program.arguments = {setting_.program, "-s"};
  for (const auto& [name, value] : environment) program.environment.push_back(name + "=" + value);
  program.directory = setting_.directory;
  program.input = input.get();
  auto launched = TRY(children_.launch(std::move(program)));
  if (launched.job == nullptr) {
    return Error::system("execve", setting_.program, launched.error.number)
        .in("starting the document's shell")
        .hint("`shell:` in the document or --shell names another");
  }
  job_ = launched.job;
  commands_ = TRY(above_standard(std::move(writer)));
  return {};
}

Result<bool> ShellProcess::begin(const std::map<std::string, std::string>& environment, bool with_state) {
  if (Status made = make_pipes().in("the shell's control files"); !made.ok()) {
    // In a folder of our own only a filter refuses that.
    if (made.error().number() != EPERM) return std::move(made).error();
    return std::move(made).error().hint(
        "the --seccomp profile refuses what documents are run with: learn it from a document "
        "(`testctr-script seccomp learn`)");
  }
  CHECK_OK(launch(environment));
  word_ = random_word();
  CHECK_OK(send(fmt::format("\\command echo {} K \"${{BASH_VERSION-}}\" >{}", word_, quoted("answer"))));
  const std::string version = TRY(answer());
  if (!with_state) {
    kind_ = version.empty() ? ShellKind::posix : ShellKind::bash;
    const ShellTexts texts = shell_texts(kind_, setting_.control);
    CHECK_OK(write("init", texts.init));
    CHECK_OK(write("leave", texts.leave));
    CHECK_OK(write("dump", texts.dump));
  }
  CHECK_OK(write("begun", say("B") + "\n"));
  if (!setting_.one_process) {
    CHECK_OK(write("standby0", standby_text(0)));
    CHECK_OK(write("standby1", standby_text(1)));
  }
  std::string line;
  if (!setting_.one_process) line += fmt::format(". {} 2>/dev/null;", quoted("init"));
  if (with_state) line += fmt::format(". {} >/dev/null 2>&1;", quoted("state"));
  CHECK_OK(send(line + say("K \"${__testctr_whole-}\"")));
  const bool whole = TRY(answer()) == "1";
  CHECK_OK(make_standby());
  return whole;
}

void ShellProcess::clear() {
  retire_standby();
  standby_pending_ = false;
  if (job_ != nullptr) children_.forget(job_);
  job_ = nullptr;
  commands_.reset();
}

Status ShellProcess::send(std::string line) {
  line += '\n';
  (void)TRY(write_if_read(commands_.get(), line));
  return {};
}

std::string ShellProcess::say(const std::string& arguments) const {
  return fmt::format("\\{} echo {} {} >{}", kind_ == ShellKind::bash ? "builtin" : "command", word_,
                     arguments, quoted("answer"));
}

std::string ShellProcess::announcement(const std::string& input) const {
  return fmt::format("\\{} {} <{} >|{} 2>&1;", kind_ == ShellKind::bash ? "builtin ." : ".", quoted("begun"),
                     text::shell_quoted(input), quoted("nothing"));
}

void ShellProcess::take_answers() {
  auto view = answers_->buffer.view();
  if (!view.ok()) return;
  std::string_view all = view.value();
  const size_t whole = all.rfind('\n');
  if (whole == std::string_view::npos) return;
  std::string rest(all.substr(whole + 1));
  for (std::string_view line : text::lines(all.substr(0, whole + 1))) {
    line.remove_suffix(1);
    // What somebody else wrote to the pipe is not looked at, though it may stand before an answer.
    const size_t at = line.find(word_ + " ");
    if (at != std::string_view::npos) take_answer(line.substr(at + word_.size() + 1));
  }
  answers_->buffer.clear();
  (void)answers_->buffer.append(rest);
}

void ShellProcess::take_answer(std::string_view line) {
  if (line == "B") {
    // One that should have come before is not to come any more: it could not be made.
    if (standby_pending_) retire_standby();
    standby_pending_ = false;
    begun = true;
  } else if (line.starts_with("S ")) {
    retire_standby();
    standby_ = process_number(line.substr(2));
    standby_wake_ = next_wake_;
    next_wake_ ^= 1;
    standby_pending_ = false;
  } else if (line.starts_with("K")) {
    answered = std::string(line.substr(std::min<size_t>(2, line.size())));
  }
}

void ShellProcess::expect_case() {
  answered.reset();
  begun = false;
}

bool ShellProcess::idle_without_answer() {
  if (kind_ != ShellKind::bash || answered) return false;
  int waiting = 0;
  if (::ioctl(commands_.get(), FIONREAD, &waiting) != 0 || waiting != 0) return false;
  // Whoever waits for the next line has answered before, if ever.
  (void)children_.drain_now(*answers_);
  take_answers();
  return !answered.has_value();
}

Result<std::string> ShellProcess::answer() {
  answered.reset();
  const Pause pause = children_.wait_while(
      [this] {
        take_answers();
        return answered.has_value() || job_->status.has_value();
      },
      sys::monotonic_ns() + answer_patience_ns);
  if (answered) return *std::exchange(answered, std::nullopt);
  if (pause == Pause::cancelled) return Error::infrastructure("interrupted");
  std::string how = "does not answer";
  if (job_->status) {
    const int status = *job_->status;
    how = fmt::format("ended with status {} where it was not to",
                      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  return Error::infrastructure(fmt::format("the document's shell {} {}", setting_.program, how))
      .hint("is it a shell that reads commands from its standard input (`-s`)?");
}

// ---- the standby

// Read in from a file: what comes by its input a shell reads byte by byte.
std::string ShellProcess::standby_text(int number) const {
  const std::string wake = quoted(fmt::format("wake{}", number));
  const std::string told = say("S \"$!\"");
  if (kind_ == ShellKind::posix) {
    return fmt::format("(\\trap - EXIT;(\\command read -r __testctr_x <{};\\. {})& {})\n", wake,
                       quoted("dump"), told);
  }
  // A grandchild costs a second fork, and is only needed where the cases have a `$!` to be kept.
  const std::string waits =
      fmt::format("(\\builtin read -r __testctr_x <{};\\builtin . {})&", wake, quoted("dump"));
  return fmt::format(
      "if [[ ${{!-}} = \"${{__testctr_s-}}\" ]]; then {0} \\builtin disown; __testctr_s=${{!-}}; {1}; else "
      "(\\builtin trap - EXIT;{0} {1}); fi\n",
      waits, told);
}

Status ShellProcess::make_standby() {
  if (setting_.one_process) return {};
  standby_pending_ = true;
  const std::string text = quoted(next_wake_ == 0 ? "standby0" : "standby1");
  if (kind_ == ShellKind::posix) return send(fmt::format("\\. {}", text));
  // Where the shell cannot read it, as when `if` is an alias of something else, it cannot go on either.
  return send(fmt::format("\\builtin . {} || \\builtin exit 2", text));
}

void ShellProcess::retire_standby() {
  if (standby_ <= 0) return;
  ::kill(standby_, SIGKILL);
  retired_.push_back(std::exchange(standby_, -1));
  if (retired_.size() > retired_most) retired_.pop_front();
}

void ShellProcess::settle_standby() {
  if (!alive() || !standby_pending_) return;
  (void)children_.wait_while(
      [&] {
        take_answers();
        return !standby_pending_ || job_->status.has_value();
      },
      sys::monotonic_ns() + answer_patience_ns);
}

Result<bool> ShellProcess::state_is_whole() const {
  auto state = sys::read_file(file("state"));
  if (!state.ok()) return state.error().number() == ENOENT ? Result<bool>(false) : std::move(state).error();
  return state.value().ends_with("\n" + state_end + "\n");
}

Result<bool> ShellProcess::wake_standby() {
  take_answers();
  if (standby_ <= 0) return false;
  const uint64_t until = sys::monotonic_ns() + answer_patience_ns;
  const std::string pipe = file(standby_wake_ == 0 ? "wake0" : "wake1");
  Fd wake;
  while (!wake.valid()) {
    auto opened = sys::open(pipe, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    if (opened.ok()) {
      wake = std::move(opened).value();
      break;
    }
    // It may not have come to its `read` yet.
    if (opened.error().number() != ENXIO || ::kill(standby_, 0) != 0 || sys::monotonic_ns() > until)
      return false;
    (void)children_.wait_while([] { return false; }, sys::monotonic_ns() + look_interval_ns);
  }
  // It stays open until the end: who let us open it may have been an older standby that is still dying, and
  // without a writer what is in the pipe goes with its last reader. That one may also be gone by now, and the
  // standby not there yet.
  while (!TRY(write_if_read(wake.get(), "\n"))) {
    if (::kill(standby_, 0) != 0 || sys::monotonic_ns() > until) return false;
    (void)children_.wait_while([] { return false; }, sys::monotonic_ns() + look_interval_ns);
  }
  while (sys::monotonic_ns() < until) {
    if (TRY(state_is_whole())) return true;
    if (::kill(standby_, 0) != 0) return state_is_whole();
    (void)children_.wait_while([] { return false; }, sys::monotonic_ns() + look_interval_ns);
  }
  return false;
}

// ---- the end of a case

void ShellProcess::kill_case(const std::set<pid_t>& spared) {
  take_answers();
  if (!job_->status) ::kill(job_->pid, SIGKILL);
  // Killing and forking race; what was missed is found in the next round.
  const uint64_t until = sys::monotonic_ns() + kill_patience_ns;
  do {
    (void)children_.wait_while([] { return false; }, sys::monotonic_ns() + look_interval_ns);
    const auto below = Children::left_behind();
    if (!below) return;
    const std::vector<pid_t> doomed = started_since(*below, ::getpid(), job_->pid, standby_, spared);
    if (doomed.empty() && job_->status) return;
    for (pid_t pid : doomed) ::kill(pid, SIGKILL);
  } while (sys::monotonic_ns() < until);
}

std::vector<pid_t> ShellProcess::own() const {
  std::vector<pid_t> pids;
  if (alive()) pids.push_back(job_->pid);
  if (standby_ > 0) pids.push_back(standby_);
  pids.insert(pids.end(), retired_.begin(), retired_.end());
  return pids;
}

}  // namespace testctr::interpret
