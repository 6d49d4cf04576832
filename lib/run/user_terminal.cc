#include "run/user_terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::run {
namespace {

constexpr size_t chunk_size = size_t{16} << 10;

// What a signal handler may touch.
struct termios cooked {};
std::atomic<bool> is_raw{false};
std::atomic<pid_t> owner{0};  // a fork of ours that does not exec has no terminal to set back
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr std::array deadly{SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGTERM};
std::array<struct sigaction, deadly.size()> before;

void cook() {
  if (::getpid() == owner.load() && is_raw.exchange(false)) (void)::tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

// Sets the terminal back, and has the signal do what it would have done.
extern "C" void on_deadly_signal(int number) {
  const int kept = errno;
  cook();
  for (size_t i = 0; i < deadly.size(); ++i) {
    if (deadly[i] != number) continue;
    (void)::sigaction(number, &before[i], nullptr);
    if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN) {
      before[i].sa_handler(number);
    } else {
      (void)::raise(number);
    }
  }
  errno = kept;
}

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_deadly_signal;
  ::sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < deadly.size(); ++i) {
    (void)::sigaction(deadly[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) (void)::sigaction(deadly[i], &action, nullptr);
  }
}

void leave_signals() {
  for (size_t i = 0; i < deadly.size(); ++i) {
    struct sigaction now {};
    // One that has come has had its way with it.
    if (::sigaction(deadly[i], nullptr, &now) == 0 && now.sa_handler == on_deadly_signal)
      (void)::sigaction(deadly[i], &before[i], nullptr);
  }
}

interpret::WindowSize window_now() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    struct winsize size {};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0)
      return {size.ws_row, size.ws_col};
  }
  return {};
}

}  // namespace

ShellWish UserTerminal::wish() const {
  ShellWish wish;
  if (was_open_ && at_ != ShellAt::prompt) return wish;
  wish.at = at_;
  wish.breaks = breaks_;
  wish.terminal = ::isatty(STDIN_FILENO) == 1;
  if (!wish.terminal) return wish;
  wish.window = window_now();
  const char* term = ::getenv("TERM");
  wish.term = term != nullptr ? term : "dumb";
  return wish;
}

void UserTerminal::open(const std::string& header, bool on_terminal) {
  open_ = was_open_ = true;
  opened_ns_ = sys::monotonic_ns();
  say_(header);
  if (on_terminal) make_raw();
}

void UserTerminal::make_raw() {
  if (::tcgetattr(STDIN_FILENO, &cooked) != 0) return;
  window_ = {};  // it may have changed since it was asked for
  struct termios raw = cooked;
  ::cfmakeraw(&raw);
  watch_signals();
  owner.store(::getpid());
  is_raw.store(true);
  raw_ = true;
  (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void UserTerminal::close() {
  if (!open_) return;
  spent_ns_ = spent_ns();
  open_ = prompt_ = asked_ = false;
  make_cooked();
}

void UserTerminal::make_cooked() {
  if (!std::exchange(raw_, false)) return;
  cook();
  leave_signals();
}

void UserTerminal::open_prompt() {
  open_ = was_open_ = prompt_ = true;
  opened_ns_ = sys::monotonic_ns();
}

void UserTerminal::ask(const std::string& prompt) {
  asked_ = true;
  show_prompt(manner_ ? manner_->prompt : prompt);
}

void UserTerminal::show_prompt(const std::string& prompt) {
  if (typed_.empty() && ::isatty(STDIN_FILENO) == 1) print(prompt);
}

std::optional<ShellInput> UserTerminal::next_line() {
  constexpr size_t longest = size_t{256} << 10;
  while (typed_.find('\n') == std::string::npos && typed_.size() < longest) {
    if (ended_) break;
    const auto more = read_more(chunk_size);
    if (!more) return std::nullopt;
    typed_ += more->bytes;
  }
  const size_t end = std::min(typed_.find('\n'), typed_.size());
  ShellInput line;
  line.line = true;
  line.end = typed_.empty();
  line.bytes = typed_.substr(0, end);
  typed_.erase(0, end + 1);
  return line;
}

std::optional<ShellInput> UserTerminal::line_in_manner() {
  ShellInput nothing;
  nothing.line = nothing.end = true;
  if (manner_->interrupted()) {
    typed_.clear();
    print("\n");
    manner_->on_interrupt(/*at_prompt=*/true);
    if (!manner_->over()) show_prompt(manner_->prompt);
  }
  while (!manner_->over()) {
    std::optional<ShellInput> line = next_line();
    if (!line) return line;
    bool more = false;
    auto sent = line->end ? manner_->rest() : manner_->sent(line->bytes, more);
    if (more) {
      show_prompt(manner_->further);
      continue;
    }
    line->end = !sent.has_value();
    line->bytes = std::move(sent).value_or("");
    return line;
  }
  return nothing;
}

std::optional<ShellInput> UserTerminal::read_line() {
  auto line = manner_ ? line_in_manner() : next_line();
  if (!line) return line;
  asked_ = false;
  // At a terminal its end is one line's, and more can be typed at the next prompt.
  if (ended_ && ::isatty(STDIN_FILENO) == 1) {
    ended_ = false;
    if (line->end) print("\n");
  }
  return line;
}

bool UserTerminal::stops_line() {
  if (!manner_ || asked_ || !manner_->interrupted()) return false;
  manner_->on_interrupt(/*at_prompt=*/false);
  return true;
}

void UserTerminal::enter_shell(bool on_terminal) {
  prompt_ = false;
  if (on_terminal) make_raw();
}

void UserTerminal::leave_shell() {
  make_cooked();
  prompt_ = true;
  if (::isatty(STDIN_FILENO) == 1) ended_ = false;
}

uint64_t UserTerminal::spent_ns() const { return spent_ns_ + (open_ ? sys::monotonic_ns() - opened_ns_ : 0); }

std::optional<ShellInput> UserTerminal::read(size_t room) {
  if (prompt_) return std::nullopt;
  if (typed_.empty() || room == 0) return read_more(room);
  // What stood behind the line that opened the shell is for it.
  ShellInput input;
  input.bytes = typed_.substr(0, room);
  typed_.erase(0, room);
  return input;
}

std::optional<ShellInput> UserTerminal::read_more(size_t room) {
  pollfd asked{descriptor(), POLLIN, 0};
  if (asked.fd < 0 || room == 0 || ::poll(&asked, 1, 0) <= 0) return std::nullopt;
  std::array<char, chunk_size> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const ssize_t size = ::read(asked.fd, chunk.data(), std::min(room, chunk.size()));
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return std::nullopt;
  ShellInput input;
  input.end = ended_ = size <= 0;
  if (size > 0) input.bytes.assign(chunk.data(), static_cast<size_t>(size));
  return input;
}

std::optional<ShellInput> UserTerminal::changed_window() {
  if (!raw_) return std::nullopt;
  const interpret::WindowSize now = window_now();
  if (now == window_) return std::nullopt;
  window_ = now;
  ShellInput input;
  input.window = now;
  return input;
}

void UserTerminal::write(std::string_view bytes) {
  if (!prompt_) return print(bytes);
  std::string harmless = text::printable(bytes, /*keep_layout=*/true);
  print(manner_ ? manner_->shown(harmless) : harmless);
}

void UserTerminal::print(std::string_view bytes) {
  if (unheard_ || !open_) return;
  // Whom nobody hears any more need not be told; the shell goes on.
  struct sigaction ignore {
  }, was{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &was);
  unheard_ = !sys::write_full(STDOUT_FILENO, bytes).ok();
  ::sigaction(SIGPIPE, &was, nullptr);
}

}  // namespace testctr::run
