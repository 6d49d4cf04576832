#include "net/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/sys.h"
#include "base/text.h"

namespace testctr::net {
namespace {

constexpr uint64_t slice_ns = 200'000'000;  // how often it is asked whether to stop

class PlainStream final : public Stream {
 public:
  explicit PlainStream(Fd socket) : socket_(std::move(socket)) {}

  Result<std::optional<size_t>> read(char* buffer, size_t size) override {
    return done(POLLIN, "recv", [&] { return recv(socket_.get(), buffer, size, MSG_DONTWAIT); });
  }
  Result<std::optional<size_t>> write(const char* bytes, size_t size) override {
    return done(POLLOUT, "send",
                [&] { return send(socket_.get(), bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL); });
  }
  [[nodiscard]] short wants() const override { return wants_; }
  [[nodiscard]] int fd() const override { return socket_.get(); }
  Fd release() override { return std::move(socket_); }

 private:
  template <class Call>
  Result<std::optional<size_t>> done(short events, const char* name, Call call) {
    for (;;) {
      const ssize_t n = call();
      if (n >= 0) return std::optional<size_t>(static_cast<size_t>(n));
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Error::system(name, "the connection");
      wants_ = events;
      return std::optional<size_t>();
    }
  }

  Fd socket_;
  short wants_ = POLLIN;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(Fd socket) { return std::make_unique<PlainStream>(std::move(socket)); }

uint64_t moment_in(int64_t ns) {
  return sys::monotonic_ns() + static_cast<uint64_t>(std::max<int64_t>(ns, 0));
}

Result<bool> wait_for(std::span<pollfd> polled, uint64_t until, Cancel cancel) {
  for (;;) {
    if (cancel != nullptr && *cancel && (*cancel)()) return failure(ECANCELED, "stopped waiting");
    const uint64_t now = sys::monotonic_ns();
    const uint64_t rest = now >= until ? 0 : std::min(until - now, slice_ns);
    const timespec time{.tv_sec = 0, .tv_nsec = static_cast<long>(rest)};
    const int n = ppoll(polled.data(), polled.size(), &time, nullptr);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return Error::system("poll", "a connection");
    if (rest == 0) return false;
  }
}

Patience::Patience(int64_t ns, int number, std::string what, Cancel cancel)
    : cancel_(cancel), what_(std::move(what)), number_(number), limit_ns_(ns), deadline_(moment_in(ns)) {}

Patience::Patience(const Timeouts& timeouts, std::string verb, Cancel cancel)
    : cancel_(cancel),
      what_(std::move(verb)),
      number_(ETIME),
      deadline_(std::numeric_limits<uint64_t>::max()),
      paced_(true),
      timeouts_(timeouts) {}

Error Patience::late() const {
  return failure(number_, fmt::format("{} within {}", what_, text::format_duration(limit_ns_)));
}

Status Patience::check_pace() const {
  if (idle_ns_ >= timeouts_.idle_ns) {
    return failure(
        ETIME, fmt::format("the server {} nothing for {}", what_, text::format_duration(timeouts_.idle_ns)));
  }
  if (window_ns_ >= timeouts_.slow_window_ns && window_bytes_ < timeouts_.slow_bytes) {
    return failure(ETIME, fmt::format("the server {} only {} bytes in {}", what_, window_bytes_,
                                      text::format_duration(timeouts_.slow_window_ns)));
  }
  return {};
}

Result<short> Patience::wait(int fd, short events) {
  pollfd polled{.fd = fd, .events = events, .revents = 0};
  if (!paced_) {
    if (!TRY(wait_for({&polled, 1}, deadline_, cancel_))) return late();
    return polled.revents;
  }
  const uint64_t begin = sys::monotonic_ns();
  const int64_t left = std::min(timeouts_.idle_ns - idle_ns_, timeouts_.slow_window_ns - window_ns_);
  const bool ready = TRY(wait_for({&polled, 1}, moment_in(left), cancel_));
  const auto waited = static_cast<int64_t>(sys::monotonic_ns() - begin);
  idle_ns_ += waited;
  window_ns_ += waited;
  if (!ready || window_ns_ >= timeouts_.slow_window_ns) CHECK_OK(check_pace());
  if (window_ns_ >= timeouts_.slow_window_ns) {
    window_ns_ = 0;
    window_bytes_ = 0;
  }
  return polled.revents;  // none where only a window ended: the caller tries and comes again
}

void Patience::moved(size_t bytes) {
  if (bytes > 0) idle_ns_ = 0;
  window_bytes_ += bytes;
}

}  // namespace testctr::net
