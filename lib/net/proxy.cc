#include "net/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "net/resolver.h"

namespace testctr::net {
namespace {

/// An address as 16 bytes, that of IPv4 mapped.
std::optional<std::array<uint8_t, 16>> address_bytes(const std::string& text) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  return {};
}

std::optional<unsigned> number(std::string_view digits, unsigned largest) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > largest) return {};
  return value;
}

/// "10.0.0.0/8": whether the address lies in it. Nothing where it is no network.
std::optional<bool> in_network(std::string_view entry, const std::string& host) {
  const size_t slash = entry.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string base(entry.substr(0, slash));
  const auto network = address_bytes(base);
  const bool six = base.find(':') != std::string::npos;
  const auto bits = number(entry.substr(slash + 1), six ? 128 : 32);
  if (!network || !bits) return {};
  const auto address = address_bytes(host);
  if (!address) return false;
  const unsigned compared = *bits + (six ? 0 : 96);
  for (unsigned bit = 0; bit < compared; ++bit) {
    const uint8_t mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    if (((*network)[bit / 8] & mask) != ((*address)[bit / 8] & mask)) return false;
  }
  return true;
}

/// "host:port" taken apart; an IPv6 address only in brackets has a port.
std::pair<std::string, std::optional<unsigned>> split_port(std::string_view entry) {
  if (entry.starts_with("[")) {
    const size_t end = entry.find(']');
    if (end == std::string_view::npos) return {std::string(entry), {}};
    const std::string_view rest = entry.substr(end + 1);
    return {std::string(entry.substr(1, end - 1)),
            rest.starts_with(":") ? number(rest.substr(1), 65535) : std::nullopt};
  }
  const size_t colon = entry.find(':');
  if (colon == std::string_view::npos || entry.find(':', colon + 1) != std::string_view::npos)
    return {std::string(entry), {}};
  return {std::string(entry.substr(0, colon)), number(entry.substr(colon + 1), 65535)};
}

bool entry_covers(std::string_view entry, const std::string& host, uint16_t port) {
  if (entry == "*") return true;
  if (auto inside = in_network(entry, host)) return *inside;
  auto [name, only_port] = split_port(entry);
  if (only_port && *only_port != port) return false;
  if (auto address = address_bytes(name)) return address == address_bytes(host);
  if (name.starts_with("*.")) name.erase(0, 1);
  while (name.size() > 1 && name.ends_with(".")) name.pop_back();
  if (name.empty() || name == ".") return false;
  std::string_view asked = host;
  if (asked.ends_with(".")) asked.remove_suffix(1);
  if (!name.starts_with(".")) {
    if (asked == name) return true;
    name.insert(0, ".");
  }
  return asked.ends_with(name);
}

std::optional<std::string> from_percent(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 3 > text.size()) return {};
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc() || end != text.data() + i + 3) return {};
    bytes += static_cast<char>(value);
    i += 2;
  }
  return bytes;
}

/// A proxy's URL, whose scheme may be missing.
Result<Proxy> parse_proxy(std::string_view value) {
  std::string text(text::trim(value));
  if (text.find("://") == std::string::npos) text.insert(0, "http://");
  Proxy proxy;
  const size_t begin = text.find("://") + 3;
  const size_t end = std::min(text.find_first_of("/?#", begin), text.size());
  const size_t at = text.substr(0, end).rfind('@');
  if (at != std::string::npos && at >= begin) {
    const std::string user = text.substr(begin, at - begin);
    const size_t colon = std::min(user.find(':'), user.size());
    const auto name = from_percent(std::string_view(user).substr(0, colon));
    const auto password = from_percent(colon < user.size() ? std::string_view(user).substr(colon + 1) : "");
    if (!name || !password) return Error::usage("its user or password is not rightly percent-encoded");
    proxy.authorization = "Basic " + text::base64(*name + ":" + *password);
    text.erase(begin, at + 1 - begin);
  }
  const Url url = TRY(Url::parse(text));
  proxy.tls = url.tls;
  proxy.host = url.host;
  proxy.port = url.port;
  return proxy;
}

}  // namespace

std::string Proxy::str() const { return Url{.tls = tls, .host = host, .port = port, .target = "/"}.origin(); }

bool no_proxy_covers(std::string_view list, const std::string& host, uint16_t port) {
  std::string entry;
  for (size_t i = 0; i <= list.size(); ++i) {
    const char c = i < list.size() ? list[i] : ',';
    if (c != ',' && c != ' ' && c != '\t') {
      entry += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      continue;
    }
    if (!entry.empty() && entry_covers(entry, host, port)) return true;
    entry.clear();
  }
  return false;
}

Result<std::optional<Proxy>> proxy_for(const Url& url, const Environment& environment) {
  const auto first = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      auto value = environment(name);
      if (value && !text::trim(*value).empty()) return std::pair<std::string, std::string>(name, *value);
    }
    return std::pair<std::string, std::string>();
  };
  const auto literal = Address::literal(url.host, url.port);
  if (url.host == "localhost" || url.host.ends_with(".localhost") || (literal && literal->loopback()))
    return std::optional<Proxy>();
  std::pair<std::string, std::string> found;
  if (url.tls) {
    found = first({"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"});
  } else if (environment("REQUEST_METHOD")) {
    // A CGI program: HTTP_PROXY is the client's header "Proxy".
    found = first({"http_proxy", "ALL_PROXY", "all_proxy"});
  } else {
    found = first({"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"});
  }
  if (found.second.empty()) return std::optional<Proxy>();
  if (no_proxy_covers(first({"NO_PROXY", "no_proxy"}).second, url.host, url.port))
    return std::optional<Proxy>();
  auto proxy = parse_proxy(found.second);
  if (!proxy.ok()) {
    return std::move(proxy)
        .error()
        .in("the proxy of the variable " + found.first)
        .hint("proxies are http://[USER:PASSWORD@]HOST[:PORT] or https://...");
  }
  return std::optional(std::move(proxy).value());
}

}  // namespace testctr::net
