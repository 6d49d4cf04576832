#include "net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/sys.h"

namespace testctr::net {
namespace {

constexpr int try_ms = 1500;  // for the first answer of a name server; doubled for the second
constexpr int tries = 2;
constexpr int64_t other_family_ns = 300'000'000;  // for the second answer, when there is one

Address made(const void* socket, socklen_t size, uint16_t port) {
  Address address;
  std::memcpy(&address.socket, socket, std::min<size_t>(size, sizeof address.socket));
  if (address.socket.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.socket)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&address.socket)->sin_port = htons(port);
  }
  return address;
}

bool is_this_machine(std::string_view host) {
  if (host.ends_with(".")) host.remove_suffix(1);
  return host == "localhost" || host.ends_with(".localhost");
}

// The library's sockets as ours are: closed on exec, and no signal when a server hangs up.
const ares_socket_functions socket_functions = {
    .asocket = [](int family, int type, int protocol, void*) -> ares_socket_t {
      return ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    },
    .aclose = [](ares_socket_t fd, void*) { return ::close(fd); },
    .aconnect = [](ares_socket_t fd, const sockaddr* address, ares_socklen_t size,
                   void*) { return ::connect(fd, address, size); },
    .arecvfrom = [](ares_socket_t fd, void* buffer, size_t size, int flags, sockaddr* from,
                    ares_socklen_t* from_size,
                    void*) -> ares_ssize_t { return ::recvfrom(fd, buffer, size, flags, from, from_size); },
    .asendv = [](ares_socket_t fd, const iovec* pieces, int count, void*) -> ares_ssize_t {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<size_t>(count);
      return ::sendmsg(fd, &message, MSG_NOSIGNAL);
    },
};

/// The two questions about a host, one for each family: an answer to one of them is enough, when the other
/// does not come.
class Lookup {
 public:
  Lookup() = default;
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() {
    if (channel_ != nullptr) ares_destroy(channel_);
    for (const Half& half : halves_)
      if (half.answer != nullptr) ares_freeaddrinfo(half.answer);
  }

  /// @param where "f" for /etc/hosts, "b" for name servers: given, so that the library asks no nsswitch.conf
  Status start(const std::string& host, const ResolverFiles& files, const char* where) {
    static std::once_flag once;
    std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
    ares_options options{};
    std::string order = where, resolv_conf = files.resolv_conf;
    options.lookups = order.data();
    options.timeout = try_ms;
    options.tries = tries;
    options.udp_port = options.tcp_port = files.port;
    options.resolvconf_path = resolv_conf.data();
    int mask = ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    if (files.port != 53) mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    if (!resolv_conf.empty()) mask |= ARES_OPT_RESOLVCONF;
    if (int status = ares_init_options(&channel_, &options, mask); status != ARES_SUCCESS) {
      channel_ = nullptr;
      return failure(EAGAIN, fmt::format("cannot ask for names: {}", ares_strerror(status)));
    }
    ares_set_socket_functions(channel_, &socket_functions, nullptr);
    for (Half& half : halves_) {
      ares_addrinfo_hints hints{};
      hints.ai_family = &half == &halves_[0] ? AF_INET6 : AF_INET;
      hints.ai_socktype = SOCK_STREAM;
      // No service: the library would ask getservbyname for it.
      ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &Half::answered, &half);
    }
    return {};
  }

  /// Waits for both answers, or for a moment longer than for one. @return whether there is an answer, or an
  /// error of the name servers.
  Result<bool> finish(const Patience& patience) {
    uint64_t until = patience.deadline();
    while (!(halves_[0].done && halves_[1].done)) {
      if (until == patience.deadline() && (halves_[0].good() || halves_[1].good()))
        until = std::min(until, moment_in(other_family_ns));
      TRY(wait(until, patience.cancel()));
      if (sys::monotonic_ns() >= until) break;
    }
    return halves_[0].good() || halves_[1].good() || (halves_[0].done && halves_[1].done);
  }

  /// ARES_SUCCESS where an address was found, else what is wrong; a name that does not exist says more than a
  /// server that did not answer.
  [[nodiscard]] int status() const {
    if (halves_[0].good() || halves_[1].good()) return ARES_SUCCESS;
    for (const Half& half : halves_)
      if (half.status == ARES_ENOTFOUND) return half.status;
    return halves_[0].status == ARES_ENODATA ? halves_[1].status : halves_[0].status;
  }

  [[nodiscard]] std::vector<Address> addresses(uint16_t port) const {
    std::vector<Address> all;
    for (const Half& half : halves_) {
      if (!half.good()) continue;
      for (const ares_addrinfo_node* node = half.answer->nodes; node != nullptr; node = node->ai_next)
        if (node->ai_family == AF_INET || node->ai_family == AF_INET6)
          all.push_back(made(node->ai_addr, node->ai_addrlen, port));
    }
    return all;
  }

 private:
  struct Half {
    bool done = false;
    int status = ARES_ETIMEOUT;
    ares_addrinfo* answer = nullptr;
    [[nodiscard]] bool good() const { return done && status == ARES_SUCCESS && answer != nullptr; }
    static void answered(void* self, int status, int /*timeouts*/, ares_addrinfo* answer) {
      *static_cast<Half*>(self) = {.done = true, .status = status, .answer = answer};
    }
  };

  /// Once: until something came, or it is time to ask again.
  Status wait(uint64_t until, Cancel cancel) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int bits = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> polled;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(bits, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(bits, i)) events |= POLLOUT;
      if (events != 0) polled.push_back({.fd = sockets[i], .events = events, .revents = 0});
    }
    timeval longest{.tv_sec = 1, .tv_usec = 0}, space{};
    const timeval* time = ares_timeout(channel_, &longest, &space);
    const int64_t again_ns = time->tv_sec * 1'000'000'000 + time->tv_usec * 1'000 + 1'000'000;
    if (!TRY(wait_for(polled, std::min(until, moment_in(again_ns)), cancel)))
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (const pollfd& one : polled) {
      if (one.revents == 0) continue;
      ares_process_fd(channel_, (one.revents & ~POLLOUT) != 0 ? one.fd : ARES_SOCKET_BAD,
                      (one.revents & POLLOUT) != 0 ? one.fd : ARES_SOCKET_BAD);
    }
    return {};
  }

  ares_channel channel_ = nullptr;
  Half halves_[2];  // IPv6, IPv4
};

Error lookup_error(const std::string& host, int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME:
      return failure(ENXIO, fmt::format("no host is known by the name {}", host));
    case ARES_ECONNREFUSED:  // also where every one of them answered that it failed
      return failure(EAGAIN,
                     fmt::format("no name server can be asked for the host {}: none is reached, or all "
                                 "of them fail",
                                 host))
          .hint("name servers are those of /etc/resolv.conf");
    case ARES_ETIMEOUT:
      return failure(EAGAIN, fmt::format("no name server answered what the host {} is", host))
          .hint("name servers are those of /etc/resolv.conf");
    default:
      return failure(EAGAIN, fmt::format("looking up the host {}: {}", host, ares_strerror(status)));
  }
}

/// Families in turn, beginning with that of the first: a family that leads nowhere costs little.
std::vector<Address> interleaved(std::vector<Address> addresses) {
  if (addresses.empty()) return addresses;
  std::vector<Address> first, second, all;
  for (const Address& address : addresses)
    (address.socket.ss_family == addresses.front().socket.ss_family ? first : second).push_back(address);
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) all.push_back(first[i]);
    if (i < second.size()) all.push_back(second[i]);
  }
  return all;
}

}  // namespace

std::string Address::str() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (socket.ss_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&socket);
    inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(six->sin6_port));
  }
  const auto* four = reinterpret_cast<const sockaddr_in*>(&socket);
  inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(four->sin_port));
}

std::optional<Address> Address::literal(const std::string& text, uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) return made(&four, sizeof four, port);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) return made(&six, sizeof six, port);
  return {};
}

bool Address::loopback() const {
  if (socket.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in*>(&socket)->sin_addr.s_addr) >> 24 == 127;
  const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(&socket)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

Result<std::vector<Address>> resolve(const std::string& host, uint16_t port, const Patience& patience,
                                     const ResolverFiles& files) {
  if (auto literal = Address::literal(host, port)) return std::vector{*literal};
  if (is_this_machine(host))
    return std::vector{*Address::literal("::1", port), *Address::literal("127.0.0.1", port)};
  // What the file says of a host is all that there is to say, as for the C library: no server is asked for
  // more.
  Lookup file;
  CHECK_OK(file.start(host, files, "f"));
  if (file.status() == ARES_SUCCESS) return interleaved(file.addresses(port));
  Lookup lookup;
  CHECK_OK(lookup.start(host, files, "b"));
  if (!TRY(lookup.finish(patience))) return lookup_error(host, ARES_ETIMEOUT);
  if (lookup.status() != ARES_SUCCESS) return lookup_error(host, lookup.status());
  std::vector<Address> addresses = lookup.addresses(port);
  if (addresses.empty()) return lookup_error(host, ARES_ENODATA);
  return interleaved(std::move(addresses));
}

}  // namespace testctr::net
