// From the name of a host to its addresses: /etc/hosts and the name servers of resolv.conf, by c-ares. The C
// library's own name services would load shared objects.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/stream.h"

namespace testctr::net {

struct Address {
  sockaddr_storage socket{};
  [[nodiscard]] socklen_t size() const {
    return socket.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }
  /// "192.0.2.1:443", "[2001:db8::1]:443".
  [[nodiscard]] std::string str() const;
  /// From an address as text. @return nothing where it is a name.
  static std::optional<Address> literal(const std::string& text, uint16_t port);
  [[nodiscard]] bool loopback() const;
};

/// For tests: another resolv.conf, another port of name servers.
struct ResolverFiles {
  std::string resolv_conf;
  uint16_t port = 53;
};

/// The addresses of `host` with this port, the best first, families in turn. An address as text is taken as
/// it is, "localhost" and names below it are this machine; for neither anything is opened.
/// @return an error: ENXIO for a name that is not known, EAGAIN where the name servers failed, could not be
/// reached or gave no answer in time.
Result<std::vector<Address>> resolve(const std::string& host, uint16_t port, const Patience& patience,
                                     const ResolverFiles& files = {});

}  // namespace testctr::net
