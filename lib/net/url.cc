#include "net/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/text.h"

namespace testctr::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

/// The text for a message: neither a password nor the query's values.
std::string masked(std::string_view text) {
  std::string shown(text.substr(0, text.find_first_of("?#")));
  const size_t at = shown.rfind('@');
  if (at != std::string::npos) {
    const size_t slashes = shown.find("//");
    const size_t begin = slashes == std::string::npos || slashes > at ? 0 : slashes + 2;
    shown.replace(begin, at - begin, "***");
  }
  if (shown.size() > 300) shown = shown.substr(0, 300) + "...";
  return text::quoted(shown);
}

Error bad(std::string_view text, std::string_view why) {
  return Error::usage(fmt::format("{} is not a URL that can be used: {}", masked(text), why));
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

/// A path and query as they are sent: what is not ASCII is percent-encoded.
std::string sent_form(std::string_view target) {
  std::string sent;
  for (unsigned char c : target) {
    if (c > 0x20 && c < 0x7f) {
      sent += static_cast<char>(c);
    } else {
      sent += fmt::format("%{:02X}", c);
    }
  }
  return sent;
}

/// The length of "name:" if `text` begins with a scheme, else 0.
size_t scheme_length(std::string_view text) {
  if (text.empty() || !letter(text[0])) return 0;
  size_t at = 1;
  while (at < text.size() &&
         (letter(text[at]) || digit(text[at]) || text[at] == '+' || text[at] == '-' || text[at] == '.'))
    ++at;
  return at < text.size() && text[at] == ':' ? at + 1 : 0;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

Result<std::string> parse_host(std::string_view whole, std::string_view host) {
  if (host.empty()) return bad(whole, "it names no host");
  if (host.front() == '[') {
    in6_addr address{};
    const std::string inner(host.substr(1, host.size() - 2));
    if (inet_pton(AF_INET6, inner.c_str(), &address) != 1)
      return bad(whole, "what stands in brackets is not an IPv6 address");
    char text[INET6_ADDRSTRLEN];
    return std::string(inet_ntop(AF_INET6, &address, text, sizeof text));
  }
  std::string name;
  for (char c : host) name += lower(c);
  if (name.size() > 254) return bad(whole, "the host's name is longer than 254 bytes");
  for (unsigned char c : name) {
    if (c >= 0x80) return bad(whole, "the host's name has letters beyond ASCII; write it in its xn-- form");
    if (!letter(static_cast<char>(c)) && !digit(static_cast<char>(c)) && c != '-' && c != '.' && c != '_')
      return bad(whole,
                 fmt::format("{} has no place in a host's name", text::quoted({host.begin(), host.end()})));
  }
  if (name.front() == '.' || name.find("..") != std::string::npos)
    return bad(whole, "a part of the host's name is empty");
  return name;
}

Result<uint16_t> parse_port(std::string_view whole, std::string_view digits) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number == 0 || number > 65535)
    return bad(whole, "its port is not a number from 1 to 65535");
  return static_cast<uint16_t>(number);
}

/// RFC 3986 section 5.2.4, for a path that begins with "/".
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool folder = false;  // whether the path ends in "/"
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view part = path.substr(at + 1, end - at - 1);
    folder = part == "." || part == ".." || part.empty();
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (part != "." && (!part.empty() || end < path.size())) {
      kept.push_back(part);
    }
    at = end;
  }
  std::string clean;
  for (std::string_view part : kept) {
    clean += '/';
    clean += part;
  }
  if (folder || clean.empty()) clean += '/';
  return clean;
}

std::string clean_target(std::string_view target) {
  const size_t query = std::min(target.find('?'), target.size());
  return without_dots(target.substr(0, query)) + std::string(target.substr(query));
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (has_controls(text)) return bad(text, "it has blanks or control bytes in it");
  const size_t scheme = scheme_length(text);
  const bool http = same_word(text.substr(0, scheme), "http:");
  if (!http && !same_word(text.substr(0, scheme), "https:"))
    return bad(text, "it does not begin with https:// or http://");
  std::string_view rest = text.substr(scheme);
  if (!rest.starts_with("//")) return bad(text, "there is no // after its scheme");
  rest.remove_prefix(2);
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos)
    return bad(text, "it has a user or a password in it, which belong in no URL");
  size_t host_end = 0;
  if (authority.starts_with("[")) {
    host_end = authority.find(']');
    if (host_end == std::string_view::npos) return bad(text, "a bracket is not closed");
    ++host_end;
    if (host_end < authority.size() && authority[host_end] != ':')
      return bad(text, "there is something between its bracket and its port");
  } else {
    host_end = std::min(authority.find(':'), authority.size());
  }
  Url url;
  url.tls = !http;
  url.host = TRY(parse_host(text, authority.substr(0, host_end)));
  url.port = http ? 80 : 443;
  if (host_end + 1 < authority.size()) url.port = TRY(parse_port(text, authority.substr(host_end + 1)));
  url.target = sent_form(rest.substr(end));
  if (!url.target.starts_with("/")) url.target.insert(0, "/");
  return url;
}

Result<Url> Url::resolve(std::string_view location) const {
  location = text::trim(location);
  std::string encoded;  // servers do send blanks in paths
  for (char c : location) encoded += c == ' ' ? "%20" : std::string(1, c);
  std::string_view to = std::string_view(encoded).substr(0, encoded.find('#'));
  if (has_controls(to))
    return Error::infrastructure(
        fmt::format("{} leads to {}, which has control bytes in it", shown(), masked(to)));
  std::string absolute;
  if (scheme_length(to) != 0) {
    absolute = to;
  } else if (to.starts_with("//")) {
    absolute = (tls ? "https:" : "http:") + std::string(to);
  } else {
    const std::string_view path = std::string_view(target).substr(0, target.find('?'));
    Url url = *this;
    if (to.empty()) return url;
    if (to.starts_with("?")) {
      url.target = clean_target(std::string(path) + sent_form(to));
    } else if (to.starts_with("/")) {
      url.target = clean_target(sent_form(to));
    } else {
      url.target = clean_target(std::string(path.substr(0, path.rfind('/') + 1)) + sent_form(to));
    }
    return url;
  }
  auto parsed = parse(absolute);
  if (!parsed.ok()) return std::move(parsed).error().as(Fault::infrastructure).in("redirected by " + shown());
  parsed.value().target = clean_target(parsed.value().target);
  return parsed;
}

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) text += fmt::format(":{}", port);
  return text;
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }
std::string Url::str() const { return origin() + target; }

std::string Url::shown() const {
  const size_t query = target.find('?');
  std::string text = origin() + target.substr(0, query);
  if (query == std::string::npos) return text;
  char separator = '?';
  for (const std::string& pair : text::split(std::string_view(target).substr(query + 1), '&')) {
    const size_t equal = pair.find('=');
    text += separator + pair.substr(0, equal) + (equal == std::string::npos ? "" : "=...");
    separator = '&';
  }
  return text;
}

bool Url::same_origin(const Url& other) const {
  return tls == other.tls && host == other.host && port == other.port;
}

std::string encode_component(std::string_view bytes) {
  std::string encoded;
  for (unsigned char c : bytes) {
    if (letter(static_cast<char>(c)) || digit(static_cast<char>(c)) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      encoded += static_cast<char>(c);
    } else {
      encoded += fmt::format("%{:02X}", c);
    }
  }
  return encoded;
}

}  // namespace testctr::net
