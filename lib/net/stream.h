// Bytes to and from a peer, without blocking; and waiting for them, with every limit that there is.
#pragma once

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "net/http.h"

namespace testctr::net {

/// An infrastructure error of this module: what it is, and its kind as http.h says.
inline Error failure(int number, std::string what) {
  return Error::infrastructure(std::move(what)).kind(number);
}

/// A connection as bytes. Nothing in it blocks: what cannot be done yet is nothing, and `wants()` tells what
/// is to be waited for.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Up to `size` bytes of those that are there. @return 0 at the end.
  virtual Result<std::optional<size_t>> read(char* buffer, size_t size) = 0;
  /// Sends some of the bytes. Never raises SIGPIPE.
  virtual Result<std::optional<size_t>> write(const char* bytes, size_t size) = 0;
  /// POLLIN or POLLOUT, where the call before gave nothing.
  [[nodiscard]] virtual short wants() const = 0;
  [[nodiscard]] virtual int fd() const = 0;
  /// Gives the socket up, of a stream that adds nothing to it; none where it does.
  virtual Fd release() { return {}; }
};

/// A connected socket that does not block.
std::unique_ptr<Stream> plain_stream(Fd socket);

using Cancel = const std::function<bool()>*;

/// The monotonic time in `ns` nanoseconds.
uint64_t moment_in(int64_t ns);
/// poll(2) until one of them is ready. `cancel` is asked several times a second.
/// @return false at the moment `until`; ECANCELED where it says so.
Result<bool> wait_for(std::span<pollfd> polled, uint64_t until, Cancel cancel);

/// What limits waiting for a peer. Only the time that is spent waiting counts, not what the caller does in
/// between.
class Patience {
 public:
  /// Until a moment; then an error with this errno. @param what what did not happen, for "WHAT within 10s".
  Patience(int64_t ns, int number, std::string what, Cancel cancel);
  /// As long as bytes come or go at the pace that `timeouts` asks for. @param verb for "the server VERB ...":
  /// "sent" or "took".
  Patience(const Timeouts& timeouts, std::string verb, Cancel cancel);

  /// Waits for `events`. @return those that are ready.
  Result<short> wait(int fd, short events);
  /// Bytes came or went.
  void moved(size_t bytes);
  /// The moment when all ends.
  [[nodiscard]] uint64_t deadline() const { return deadline_; }
  /// The error for its being reached.
  [[nodiscard]] Error late() const;
  [[nodiscard]] Cancel cancel() const { return cancel_; }

 private:
  Status check_pace() const;

  Cancel cancel_;
  std::string what_;
  int number_;
  int64_t limit_ns_ = 0;
  uint64_t deadline_;
  bool paced_ = false;
  Timeouts timeouts_{};
  int64_t idle_ns_ = 0;    // waited since the last byte
  int64_t window_ns_ = 0;  // waited since the window began
  uint64_t window_bytes_ = 0;
};

}  // namespace testctr::net
