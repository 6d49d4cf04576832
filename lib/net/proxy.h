// Which proxy a request goes through, by the environment variables that Go's and curl's clients know.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"

namespace testctr::net {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

struct Proxy {
  bool tls = false;  ///< whether the proxy itself is spoken to over TLS
  std::string host;
  uint16_t port = 80;
  std::string authorization;  ///< the value of Proxy-Authorization; empty: none
  auto operator<=>(const Proxy&) const = default;
  /// "http://host:port".
  [[nodiscard]] std::string str() const;
};

/// HTTPS_PROXY or HTTP_PROXY, by the URL's scheme, else ALL_PROXY; NO_PROXY takes hosts out. Each in upper
/// case, else in lower case. This machine ("localhost", loopback addresses) is never asked through a proxy.
/// @return nothing where there is none; a usage error that names the variable where its value is none.
Result<std::optional<Proxy>> proxy_for(const Url& url, const Environment& environment);

/// Whether NO_PROXY's value takes this host out: a list with commas or blanks of "*", names ("example.com"
/// is the host and all below it, ".example.com" and "*.example.com" only those below), addresses, each with a
/// port or without one, and networks as "10.0.0.0/8".
/// @param host lower case, as in Url.
bool no_proxy_covers(std::string_view list, const std::string& host, uint16_t port);

}  // namespace testctr::net
