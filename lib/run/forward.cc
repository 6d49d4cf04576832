#include "run/forward.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <list>

#include "sandbox/confine.h"

namespace testctr::run {
namespace {

constexpr size_t most_connections = 256;
constexpr size_t buffer_size = size_t{64} << 10;

/// One direction of a connection.
struct Stream {
  Fd* from = nullptr;
  Fd* to = nullptr;
  std::string held;     ///< read and not written yet
  bool ended = false;   ///< nothing more comes
  bool closed = false;  ///< and the other side knows
};

struct Connection {
  Fd outer, inner;
  Stream in, out;
  bool broken = false;
};

Fd connect_inside(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return {};
  (void)::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

void move_bytes(Stream& stream, Connection& connection) {
  std::array<char, 16384> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (!stream.ended && stream.held.size() < buffer_size) {
    const ssize_t n = ::recv(stream.from->get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) connection.broken = true;
    if (n <= 0) stream.ended = true;
    if (n > 0) stream.held.append(chunk.data(), static_cast<size_t>(n));
  }
  while (!stream.held.empty()) {
    const ssize_t n =
        ::send(stream.to->get(), stream.held.data(), stream.held.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      connection.broken = true;
      return;
    }
    stream.held.erase(0, static_cast<size_t>(n));
  }
  if (stream.ended && stream.held.empty() && !stream.closed) {
    (void)::shutdown(stream.to->get(), SHUT_WR);
    stream.closed = true;
  }
}

short wanted(const Stream& reads, const Stream& writes) {
  int events = 0;
  if (!reads.ended && reads.held.size() < buffer_size) events |= POLLIN;
  if (!writes.held.empty()) events |= POLLOUT;
  return static_cast<short>(events);
}

[[noreturn]] void carry(int listener, uint16_t port) {
  std::list<Connection> connections;
  for (;;) {
    std::vector<pollfd> polled{{connections.size() < most_connections ? listener : -1, POLLIN, 0}};
    for (const Connection& c : connections) {
      polled.push_back({c.outer.get(), wanted(c.in, c.out), 0});
      polled.push_back({c.inner.get(), wanted(c.out, c.in), 0});
    }
    // A direction that is closed wants nothing, and its end would be told again and again.
    for (pollfd& one : polled) {
      if (one.events == 0) one.fd = -1;
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    for (Connection& c : connections) {
      move_bytes(c.in, c);
      move_bytes(c.out, c);
    }
    connections.remove_if([](const Connection& c) { return c.broken || (c.in.closed && c.out.closed); });
    if ((polled[0].revents & POLLIN) == 0) continue;
    Fd outer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!outer.valid()) continue;
    Fd inner = connect_inside(port);
    if (!inner.valid()) continue;  // refused there: closed here
    Connection& c = connections.emplace_back();
    c.outer = std::move(outer);
    c.inner = std::move(inner);
    c.in.from = c.out.to = &c.outer;
    c.in.to = c.out.from = &c.inner;
  }
}

[[noreturn]] void serve(int listener, const sandbox::Container::Namespaces& inside, uint16_t port,
                        pid_t runner) {
  sandbox::reset_signals();
  ::setsid();
  std::vector<int> kept{0, 1, 2, listener, inside.network};
  if (inside.user >= 0) kept.push_back(inside.user);
  if (!sandbox::close_all_but(kept).ok()) ::_exit(1);
  if (inside.user >= 0 && ::setns(inside.user, CLONE_NEWUSER) != 0) ::_exit(1);
  if (::setns(inside.network, CLONE_NEWNET) != 0) ::_exit(1);
  // Behind the change of ids, which resets it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != runner) ::_exit(1);
  if (!sandbox::close_all_but({0, 1, 2, listener}).ok()) ::_exit(1);
  carry(listener, port);
}

}  // namespace

Result<Forward> Forward::start(const sandbox::Container::Namespaces& inside, uint16_t port) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) return Error::system("socket", "AF_INET");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0)
    return Error::system("bind", "127.0.0.1");
  if (::listen(listener.get(), 64) != 0) return Error::system("listen", "127.0.0.1");
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return Error::system("getsockname", "127.0.0.1");
  Forward forward;
  forward.host_port_ = ntohs(address.sin_port);
  const pid_t runner = ::getpid();
  forward.pid_ = ::fork();
  if (forward.pid_ < 0) return Error::system("fork", "");
  if (forward.pid_ == 0) serve(listener.get(), inside, port, runner);
  return forward;
}

Forward::Forward(Forward&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), host_port_(other.host_port_) {}

Forward& Forward::operator=(Forward&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(host_port_, other.host_port_);
  return *this;
}

Forward::~Forward() {
  if (pid_ < 0) return;
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace testctr::run
