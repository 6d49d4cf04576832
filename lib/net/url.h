// URLs of http and https, taken apart and put together (RFC 3986, RFC 9110 section 4.2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::net {

/// A URL without user information or fragment: both are refused, or dropped where the RFC says so.
struct Url {
  bool tls = true;   ///< https
  std::string host;  ///< lower case; an IPv6 address without brackets
  uint16_t port = 443;
  std::string target;  ///< path and query as they are sent: begins with "/"

  /// Parses an absolute URL. @return a usage error that names the text and what is wrong with it: another
  /// scheme, no host, a bad port, user information (a password belongs in no URL), blanks or control bytes.
  static Result<Url> parse(std::string_view text);
  /// What a Location header with this text leads to from here: absolute, `//host/...`, `/path`, a relative
  /// path or `?query` (RFC 3986 section 5.2). @return an infrastructure error for anything but http and
  /// https.
  [[nodiscard]] Result<Url> resolve(std::string_view location) const;

  /// "https://host:port", the port only where it is not the scheme's own, an IPv6 address in brackets.
  [[nodiscard]] std::string origin() const;
  /// "host" or "host:port" as the Host header has it.
  [[nodiscard]] std::string authority() const;
  /// The whole URL.
  [[nodiscard]] std::string str() const;
  /// The URL for messages: without the query's values, which may be secrets.
  [[nodiscard]] std::string shown() const;
  /// The same scheme, host and port: only then credentials go along.
  [[nodiscard]] bool same_origin(const Url& other) const;
};

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
std::string encode_component(std::string_view bytes);

}  // namespace testctr::net
