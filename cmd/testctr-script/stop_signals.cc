#include "stop_signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/sys.h"

namespace testctr::cmd {
namespace {

// What a signal handler may touch.
std::atomic<int> pipe_end{-1};
std::atomic<int> signal_received{0};
std::atomic<bool> any_received{false};
static_assert(std::atomic<int>::is_always_lock_free);

void set_default() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

constexpr int stopping[] = {SIGINT, SIGTERM, SIGHUP};

extern "C" void on_stop_signal(int number) {
  const int kept = errno;
  set_default();
  signal_received.store(number);
  any_received.store(true);
  const int fd = pipe_end.load();
  if (fd >= 0) {
    const ssize_t ignored = ::write(fd, "!", 1);
    static_cast<void>(ignored);
  }
  errno = kept;
}

}  // namespace

Result<StopSignals> StopSignals::install(bool hangup) {
  auto [read_end, write_end] = TRY(sys::pipe());
  pipe_end.store(write_end.get());
  StopSignals signals(std::move(read_end), std::move(write_end));
  signals.hangup_ = hangup;
  CHECK_OK(signals.arm());
  return signals;
}

Status StopSignals::arm() const {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  for (int number : stopping) sigaddset(&action.sa_mask, number);
  for (int number : stopping) {
    if (number == SIGHUP && !hangup_) continue;
    struct sigaction before {};
    // Who started us with a signal ignored (nohup, a background job of sh) wants it ignored.
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    if (::sigaction(number, &action, nullptr) != 0) return Error::system("sigaction", std::to_string(number));
  }
  return {};
}

Status StopSignals::renew() {
  char byte = 0;
  while (any_received.exchange(false) && ::read(read_end_.get(), &byte, 1) < 0 && errno == EINTR)
    any_received.store(true);
  signal_received.store(0);
  return arm();
}

StopSignals::~StopSignals() {
  if (!write_end_.valid()) return;
  set_default();
  pipe_end.store(-1);
}

const std::atomic<bool>& StopSignals::arrived() const { return any_received; }

int StopSignals::received() const { return signal_received.load(); }

}  // namespace testctr::cmd
