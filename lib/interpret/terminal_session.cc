#include "interpret/terminal_session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <array>
#include <csignal>

#include "base/sys.h"
#include "interpret/lookup.h"
#include "interpret/program_terminal.h"
#include "interpret/session.h"

namespace testctr::interpret {
namespace {

constexpr size_t chunk_size = size_t{32} << 10;
constexpr uint64_t push_pause_ns = 10'000'000;
constexpr size_t drained_most = size_t{1} << 20;

Status no_wait(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) < 0)
    return Error::system("fcntl", "O_NONBLOCK");
  return {};
}

void set_window(const Fd& master, WindowSize window) {
  struct winsize size {};
  size.ws_row = window.rows;
  size.ws_col = window.columns;
  if (window.rows != 0 && window.columns != 0) (void)::ioctl(master.get(), TIOCSWINSZ, &size);
}

/// The shells that may be there, the best one first.
std::vector<std::string> candidates(const Standpoint& at, const std::string& spare) {
  const auto path = at.environment.find("PATH");
  std::vector<std::string> found;
  for (const char* name : {"bash", "sh"}) {
    auto program = find_program(name, path == at.environment.end() ? "" : path->second, at.directory);
    if (program.ok()) found.push_back(std::move(program).value());
    // The script may have made its PATH what it wanted.
    found.push_back(fmt::format("/bin/{}", name));
  }
  if (!spare.empty()) found.push_back(spare);
  return found;
}

}  // namespace

Result<std::unique_ptr<TerminalSession>> TerminalSession::begin(const Standpoint& at, const Options& options,
                                                                Children& children, Tell tell) {
  std::unique_ptr<TerminalSession> session(new TerminalSession(children, std::move(tell)));
  if (options.terminal) {
    Status opened = session->open_terminal(options.window);
    session->terminal_ = opened.ok();
    if (!opened.ok()) session->lack_ = fmt::format("the shell has no terminal: {}", opened.error().message());
  }
  if (!session->terminal_) CHECK_OK(session->open_pipes());
  CHECK_OK(session->launch(at, options));
  TerminalSession* self = session.get();
  children.listen(session->out_.get(), [self] { self->read_some(); });
  return session;
}

TerminalSession::~TerminalSession() {
  close_output();
  if (job_ != nullptr) children_.forget(job_);
}

Status TerminalSession::open_terminal(WindowSize window) {
  auto [master, other] = TRY(interpret::open_terminal());
  struct termios mode {};
  if (::tcgetattr(other.get(), &mode) == 0) {
    mode.c_iflag |= IUTF8;
    (void)::tcsetattr(other.get(), TCSANOW, &mode);
  }
  set_window(master, window);
  out_ = std::move(master);
  their_in_ = std::move(other);
  return {};
}

Status TerminalSession::open_pipes() {
  auto [input_read, input_write] = TRY(sys::pipe());
  auto [output_read, output_write] = TRY(sys::pipe());
  in_ = TRY(above_standard(std::move(input_write)));
  out_ = TRY(above_standard(std::move(output_read)));
  their_in_ = TRY(above_standard(std::move(input_read)));
  their_out_ = TRY(above_standard(std::move(output_write)));
  CHECK_OK(no_wait(in_));
  return no_wait(out_);
}

Status TerminalSession::launch(const Standpoint& at, const Options& options) {
  std::map<std::string, std::string> environment = at.environment;
  if (terminal_ && !options.term.empty()) environment.emplace("TERM", options.term);
  // What is typed in it is no affair of the test, which would be said to have left that file.
  environment.emplace("HISTFILE", "");
  Program program;
  for (const auto& [name, value] : environment) program.environment.push_back(name + "=" + value);
  program.directory = at.directory;
  program.input = their_in_.get();
  program.output = program.error = (terminal_ ? their_in_ : their_out_).get();
  program.terminal = terminal_;
  std::optional<Error> why;
  for (const std::string& shell : candidates(at, options.spare)) {
    program.path = shell;
    program.arguments = {shell.substr(shell.rfind('/') + 1)};
    // What the image's own files would set is not what the line saw.
    if (!shell.ends_with("/sh")) program.arguments.insert(program.arguments.end(), {"--noprofile", "--norc"});
    const Children::Launch launched = TRY(children_.launch_into(program));
    job_ = launched.job;
    if (job_ != nullptr) break;
    if (!why || launched.error.number != ENOENT)
      why = explain_start(shell, at.directory, launched.error.number);
    if (launched.error.step == StartError::Step::directory)
      why = Error::system("chdir", at.directory, launched.error.number);
  }
  their_in_.reset();
  their_out_.reset();
  if (job_ != nullptr) return {};
  return Error::infrastructure(
      fmt::format("no shell could be started: {}", why ? why->message() : "none is there"));
}

void TerminalSession::read_some() {
  std::array<char, chunk_size> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const ssize_t size = ::read(out_.get(), chunk.data(), chunk.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  // Nobody has the other end any more (of a terminal: EIO).
  if (size <= 0) return close_output();
  tell_({chunk.data(), static_cast<size_t>(size)}, 0);
}

void TerminalSession::close_output() {
  if (!out_.valid()) return;
  children_.unlisten(out_.get());
  out_.reset();
}

void TerminalSession::feed(std::string_view bytes) {
  input_ += bytes;
  push();
}

void TerminalSession::end_input() {
  input_ended_ = true;
  push();
}

void TerminalSession::resize(WindowSize window) {
  if (terminal_ && out_.valid()) set_window(out_, window);
}

/// Gives the shell what it takes now.
void TerminalSession::push() {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  size_t given = 0;
  while (given < input_.size()) {
    const Fd& to = terminal_ ? out_ : in_;
    const ssize_t size = to.valid() ? ::write(to.get(), input_.data() + given, input_.size() - given) : -1;
    if (size < 0 && to.valid() && errno == EINTR) continue;
    if (size < 0 && to.valid() && errno == EAGAIN) break;
    // Nobody reads any more: the rest is gone.
    given = size < 0 ? input_.size() : given + static_cast<size_t>(size);
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  input_.erase(0, given);
  if (given != 0) tell_({}, given);
  if (!input_ended_ || !input_.empty()) return;
  if (terminal_) return close_output();
  in_.reset();
}

int TerminalSession::wait(const std::function<bool()>& given_up) {
  const auto over = [&] { return job_->status.has_value() || given_up(); };
  while (!over()) {
    // A terminal cannot be waited for to take more together with all else.
    const uint64_t until = input_.empty() ? UINT64_MAX : sys::monotonic_ns() + push_pause_ns;
    if (children_.wait_while([&] { return over() || (until == UINT64_MAX && !input_.empty()); }, until) ==
        Pause::cancelled)
      break;
    push();
  }
  if (!job_->status) {
    (void)::kill(-job_->pid, SIGKILL);
    return 128 + SIGKILL;
  }
  drain();
  return status_number(*job_->status);
}

/// What was printed last, but not what goes on being printed in the background.
void TerminalSession::drain() {
  std::array<char, chunk_size> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  for (size_t taken = 0; out_.valid() && taken < drained_most;) {
    const ssize_t size = ::read(out_.get(), chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    tell_({chunk.data(), static_cast<size_t>(size)}, 0);
    taken += static_cast<size_t>(size);
  }
  close_output();
}

}  // namespace testctr::interpret
