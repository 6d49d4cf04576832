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
struct termios cooked {
}, raw{};
std::atomic<bool> is_raw{false};
std::atomic<bool> continued{false};
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

extern "C" void on_continue(int) { continued.store(true); }

// Ctrl-C while what was typed is carried out.
constexpr int64_t twice_within_ns = 1'000'000'000;
std::atomic<bool> interrupted{false}, hears_interrupts{false};
std::atomic<int64_t> interrupted_ns{0};
struct sigaction before_interrupt;

extern "C" void on_interrupt(int number) {
  const int kept = errno;
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t now_ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  const int64_t last_ns = interrupted_ns.exchange(now_ns);
  if (last_ns != 0 && now_ns - last_ns < twice_within_ns) {
    if (before_interrupt.sa_handler == SIG_DFL) {
      (void)::sigaction(number, &before_interrupt, nullptr);
      (void)::raise(number);
    } else {
      before_interrupt.sa_handler(number);
    }
  }
  interrupted.store(true);
  errno = kept;
}

void hear_interrupts() {
  interrupted.store(false);
  interrupted_ns.store(0);
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigemptyset(&action.sa_mask);
  if (hears_interrupts.load() || ::isatty(STDIN_FILENO) != 1 ||
      ::sigaction(SIGINT, nullptr, &before_interrupt) != 0 || before_interrupt.sa_handler == SIG_IGN)
    return;
  hears_interrupts.store(::sigaction(SIGINT, &action, nullptr) == 0);
}

void leave_interrupts() {
  struct sigaction now {};
  // One that has had its usual effect has set what comes after it.
  if (hears_interrupts.exchange(false) && ::sigaction(SIGINT, nullptr, &now) == 0 &&
      now.sa_handler == on_interrupt)
    (void)::sigaction(SIGINT, &before_interrupt, nullptr);
}

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_continue;
  ::sigemptyset(&action.sa_mask);
  (void)::sigaction(SIGCONT, &action, nullptr);
  action.sa_handler = on_deadly_signal;
  ::sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < deadly.size(); ++i) {
    (void)::sigaction(deadly[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) (void)::sigaction(deadly[i], &action, nullptr);
  }
}

void leave_signals() {
  std::signal(SIGCONT, SIG_DFL);
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
  if (on_terminal) make_raw(/*for_shell=*/true);
}

void UserTerminal::make_raw(bool for_shell) {
  if (::tcgetattr(STDIN_FILENO, &cooked) != 0) return;
  window_ = {};  // it may have changed since it was asked for
  raw = cooked;
  ::cfmakeraw(&raw);
  // What others print meanwhile has its lines' ends.
  if (!for_shell) raw.c_oflag = cooked.c_oflag;
  watch_signals();
  owner.store(::getpid());
  is_raw.store(true);
  raw_ = true;
  (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void UserTerminal::close() {
  leave_interrupts();
  if (!open_) return;
  spent_ns_ = spent_ns();
  // The line that is begun is left as it is, and what is told next stands below it.
  const bool typed = (asked_ && ::isatty(STDIN_FILENO) == 1) || interrupted.exchange(false);
  if (prompt_ && typed) print("\n");
  editing_ = false;
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
  leave_interrupts();
  asked_ = true;
  over_ = manner_ && manner_->over();
  if (!over_) show_prompt(manner_ ? manner_->prompt : prompt);
}

void UserTerminal::show_prompt(const std::string& prompt) {
  const char* term = ::getenv("TERM");
  const std::string_view kind = term != nullptr ? term : "";
  editing_ = !plain_ && !kind.empty() && kind != "dumb" && ::isatty(STDIN_FILENO) == 1 &&
             ::isatty(STDOUT_FILENO) == 1;
  if (editing_) {
    make_raw(/*for_shell=*/false);
    editor_.begin(prompt);
    columns_ = window_now().columns;
    return print(editor_.draw(columns_));
  }
  if (typed_.empty() && ::isatty(STDIN_FILENO) == 1) print(prompt);
}

// After a stop the shell that has the terminal sets it as it likes it.
void UserTerminal::refresh() {
  if (continued.exchange(false) && raw_) {
    (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    if (editing_) editor_.forget_drawn(/*blank=*/false);
  }
  if (const size_t columns = window_now().columns; editing_ && columns != columns_) {
    columns_ = columns;
    editor_.forget_drawn(/*blank=*/false);
  }
}

void UserTerminal::suspend() {
  print("\n");
  make_cooked();
  (void)::kill(0, SIGTSTP);
  make_raw(/*for_shell=*/false);
  editor_.forget_drawn(/*blank=*/true);
}

std::optional<ShellInput> UserTerminal::read_edited() {
  using Key = LineEditor::Key;
  refresh();
  while (!leaving_) {
    Key key = Key::none;
    size_t used = 0;
    while (used < typed_.size() && key == Key::none) key = editor_.take(typed_[used++]);
    typed_.erase(0, used);
    if (key == Key::none) {
      const auto more = read_more(chunk_size);
      if (!more) break;
      typed_ = more->bytes;
      if (!more->end) continue;
      key = Key::end;
    }
    if (key == Key::line || key == Key::end) {
      print(editor_.draw_whole());
      make_cooked();
      editing_ = false;
      ShellInput line;
      line.end = key == Key::end;
      line.bytes = editor_.finish();
      if (auto finished = finish_line(std::move(line))) return finished;
      if (!editing_) return std::nullopt;
      continue;
    }
    if (key == Key::suspend) suspend();
    if (key == Key::drop) {
      print("\n");
      if (manner_) manner_->on_interrupt(/*at_prompt=*/true, /*begun=*/true);
      editor_.begin(manner_ ? manner_->prompt : editor_.prompt());
    }
    if (key != Key::interrupt) continue;
    if (manner_) {
      print("\n");
      manner_->on_interrupt(/*at_prompt=*/true, /*begun=*/false);
      editor_.begin(manner_->prompt);
      if (!manner_->over()) continue;
      make_cooked();
      editing_ = false;
      over_ = true;
      return read_line();
    }
    leaving_ = true;
    make_cooked();
    (void)::kill(0, SIGINT);
    return std::nullopt;
  }
  if (!leaving_) print(editor_.draw(columns_));
  return std::nullopt;
}

std::optional<ShellInput> UserTerminal::read_line() {
  if (over_) {
    ShellInput nothing;
    nothing.line = nothing.end = true;
    over_ = asked_ = false;
    return nothing;
  }
  if (editing_) return read_edited();
  constexpr size_t longest = size_t{256} << 10;
  while (typed_.find('\n') == std::string::npos && typed_.size() < longest) {
    if (ended_) break;
    const auto more = read_more(chunk_size);
    if (!more) return std::nullopt;
    typed_ += more->bytes;
  }
  const size_t end = std::min(typed_.find('\n'), typed_.size());
  ShellInput line;
  line.end = typed_.empty();
  line.bytes = typed_.substr(0, end);
  typed_.erase(0, end + 1);
  const bool tells_end = ended_ && line.end && ::isatty(STDIN_FILENO) == 1;
  if (tells_end) print("\n");
  if (auto finished = finish_line(std::move(line))) return finished;
  return editing_ ? read_edited() : read_line();
}

std::optional<ShellInput> UserTerminal::finish_line(ShellInput line) {
  line.line = true;
  if (manner_) {
    bool more = false;
    auto sent = line.end ? manner_->rest() : manner_->sent(line.bytes, more);
    if (more) {
      show_prompt(manner_->further);
      return std::nullopt;
    }
    line.end = !sent.has_value();
    line.bytes = std::move(sent).value_or("");
  }
  asked_ = false;
  // At a terminal its end is one line's, and more can be typed at the next prompt.
  if (ended_ && ::isatty(STDIN_FILENO) == 1) ended_ = false;
  if (!line.end) hear_interrupts();
  return line;
}

bool UserTerminal::take_interrupt() {
  if (!hears_interrupts.load() || !interrupted.exchange(false)) return false;
  print("\n");  // behind its echo
  if (manner_) manner_->on_interrupt(/*at_prompt=*/false, /*begun=*/false);
  return true;
}

void UserTerminal::enter_shell(bool on_terminal) {
  leave_interrupts();
  prompt_ = false;
  if (on_terminal) make_raw(/*for_shell=*/true);
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
  refresh();
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
