#include "interpret/program_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>

#include "base/sys.h"
#include "interpret/spawn.h"

namespace testctr::interpret {
namespace {

constexpr char end_of_input = 4;
constexpr uint64_t type_pause_ns = 5'000'000;

/// By its number where the kernel has no call for it (before 4.13).
Result<Fd> other_end(const Fd& ours) {
  const int peer = ::ioctl(ours.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (peer >= 0) return Fd(peer);
  unsigned number = 0;
  if (::ioctl(ours.get(), TIOCGPTN, &number) != 0) return Error::system("ioctl", "TIOCGPTN");
  return sys::open(fmt::format("/dev/pts/{}", number), O_RDWR | O_NOCTTY);
}

}  // namespace

Result<TerminalEnds> open_terminal() {
  // What an image or a test has put there may be anything: it is not waited for.
  Fd ours = TRY(above_standard(TRY(sys::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK))));
  int locked = 0;
  if (::ioctl(ours.get(), TIOCSPTLCK, &locked) != 0) return Error::system("ioctl", "/dev/ptmx");
  Fd theirs = TRY(above_standard(TRY(other_end(ours))));
  return TerminalEnds{std::move(ours), std::move(theirs)};
}

Result<std::unique_ptr<ProgramTerminal>> ProgramTerminal::open(std::string typed, Children& children) {
  auto [ours, theirs] = TRY(open_terminal());
  Fd reads(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 3));
  if (!reads.valid()) return Error::system("fcntl", "F_DUPFD_CLOEXEC");
  typed += end_of_input;
  std::unique_ptr<ProgramTerminal> terminal(new ProgramTerminal(
      std::move(ours), std::move(theirs), std::move(typed), children.add(std::move(reads)), children));
  // A program that ends at once has been typed at all the same, and what it was typed is echoed.
  terminal->type();
  terminal->settle();
  return terminal;
}

ProgramTerminal::~ProgramTerminal() {
  if (printed_ != nullptr) children_.drop(printed_);
}

/// Gives the terminal what it takes now.
void ProgramTerminal::type() {
  while (!typed_.empty()) {
    const ssize_t size = ::write(ours_.get(), typed_.data(), typed_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    // Nobody can read it any more: the rest is gone.
    typed_.erase(0, size <= 0 ? typed_.size() : static_cast<size_t>(size));
  }
}

/// Waits until the kernel has handed over what was typed: it does so later, unless somebody looks.
void ProgramTerminal::settle() const {
  pollfd look{theirs_.get(), POLLIN, 0};
  (void)::poll(&look, 1, 0);
}

Pause ProgramTerminal::wait_for(Job& job, uint64_t deadline_ns) {
  const auto too_much = [&] { return printed_->overflow || printed_->trouble.has_value(); };
  const auto over = [&] {
    return job.complete() || !job.overflow.empty() || job.trouble.has_value() || too_much();
  };
  for (;;) {
    type();
    const uint64_t now = sys::monotonic_ns();
    if (!job.status && now >= deadline_ns) return Pause::late;
    // That it takes more cannot be waited for together with all else.
    uint64_t until = job.status ? UINT64_MAX : deadline_ns;
    if (!typed_.empty()) until = std::min(until, now + type_pause_ns);
    const Pause pause = children_.wait_while(over, until);
    if (pause == Pause::cancelled) return pause;
    if (pause != Pause::over) continue;
    if (too_much() && job.overflow.empty()) job.overflow = "its terminal";
    return job.overflow.empty() && !job.trouble ? Pause::over : Pause::overflow;
  }
}

OutputBuffer ProgramTerminal::take_printed() {
  settle();
  (void)children_.drain_now(*printed_);
  return std::move(printed_->buffer);
}

}  // namespace testctr::interpret
