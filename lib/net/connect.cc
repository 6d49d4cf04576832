// Connecting: the addresses of a host tried one after another, overlapping.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "net/connection.h"

namespace testctr::net {
namespace {

constexpr int64_t head_start_ns = 250'000'000;  // before the next address is tried, too
constexpr size_t most_addresses = 16;

/// How far a failed attempt came: who refuses is there.
int rank(int number) {
  switch (number) {
    case ECONNREFUSED:
    case ECONNRESET:
      return 3;
    case ETIMEDOUT:
    case EHOSTUNREACH:
      return 2;
    default:
      return 1;
  }
}

class Attempts {
 public:
  Attempts(const std::vector<Address>& addresses, std::string peer)
      : addresses_(addresses), peer_(std::move(peer)), count_(std::min(addresses.size(), most_addresses)) {}

  Result<std::pair<Fd, Address>> run(const Patience& patience) {
    uint64_t next_start = 0;
    for (;;) {
      if (next_ < count_ && (sockets_.empty() || sys::monotonic_ns() >= next_start)) {
        start();
        next_start = moment_in(head_start_ns);
      }
      if (sockets_.empty() && next_ == count_) return failed(number_);
      const uint64_t until = next_ < count_ ? std::min(next_start, patience.deadline()) : patience.deadline();
      if (!sockets_.empty()) TRY(wait_for(polled_, until, patience.cancel()));
      for (size_t i = 0; i < sockets_.size();) {
        if (polled_[i].revents == 0) {
          ++i;
          continue;
        }
        int number = 0;
        socklen_t size = sizeof number;
        if (getsockopt(sockets_[i].get(), SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
        if (number == 0) return std::pair(std::move(sockets_[i]), addresses_[which_[i]]);
        note(number);
        forget(i);
        next_start = 0;
      }
      if (sys::monotonic_ns() >= patience.deadline()) return failed(ETIMEDOUT);
    }
  }

 private:
  void start() {
    const Address& address = addresses_[next_++];
    Fd fd(socket(address.socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    if (!fd.valid()) return note(errno);
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.socket), address.size()) != 0 &&
        errno != EINPROGRESS && errno != EINTR)
      return note(errno);
    polled_.push_back({.fd = fd.get(), .events = POLLOUT, .revents = 0});
    sockets_.push_back(std::move(fd));
    which_.push_back(next_ - 1);
  }

  void note(int number) {
    if (rank(number) > rank(number_) || number_ == 0) number_ = number;
  }

  void forget(size_t i) {
    const auto at = static_cast<ptrdiff_t>(i);
    polled_.erase(polled_.begin() + at);
    sockets_.erase(sockets_.begin() + at);
    which_.erase(which_.begin() + at);
  }

  [[nodiscard]] Error failed(int number) const {
    std::string tried;
    for (size_t i = 0; i < next_; ++i) tried += (i == 0 ? "" : ", ") + addresses_[i].str();
    return {Fault::infrastructure, fmt::format("connecting to {} ({})", peer_, tried), number};
  }

  const std::vector<Address>& addresses_;
  std::string peer_;
  size_t count_, next_ = 0;
  std::vector<pollfd> polled_;
  std::vector<Fd> sockets_;
  std::vector<size_t> which_;  // of the addresses, for each socket
  int number_ = 0;
};

}  // namespace

Result<std::pair<Fd, Address>> connect_any(const std::vector<Address>& addresses, const std::string& peer,
                                           const Patience& patience) {
  return Attempts(addresses, peer).run(patience);
}

}  // namespace testctr::net
