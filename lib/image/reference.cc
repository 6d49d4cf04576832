#include "image/reference.h"

#include "base/text.h"

namespace testctr::image {
namespace {

constexpr size_t longest_name = 255;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

Error bad(std::string_view text, std::string_view why) {
  return Error::usage(fmt::format("image reference {}: {}", text::quoted(text), why));
}

// path-component: [a-z0-9]+ separated by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view part) {
  size_t i = 0;
  while (i < part.size()) {
    size_t start = i;
    while (i < part.size() && is_lower_alnum(part[i])) ++i;
    if (i == start) return false;
    if (i == part.size()) return true;
    size_t separator = i;
    while (i < part.size() && !is_lower_alnum(part[i])) ++i;
    std::string_view s = part.substr(separator, i - separator);
    if (s != "." && s != "_" && s != "__" && s.find_first_not_of('-') != std::string_view::npos) return false;
  }
  return false;
}

// domain: host labels separated by dots, or an IPv6 address in brackets, with an optional port.
bool is_domain(std::string_view domain) {
  size_t port = std::string_view::npos;
  if (domain.starts_with('[')) {
    size_t end = domain.find(']');
    if (end == std::string_view::npos || end < 2) return false;
    if (domain.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos)
      return false;
    if (end + 1 == domain.size()) return true;
    if (domain[end + 1] != ':') return false;
    port = end + 1;
  } else {
    port = domain.find(':');
    for (const std::string& label : text::split(domain.substr(0, port), '.')) {
      if (label.empty() || !is_alnum(label.front()) || !is_alnum(label.back())) return false;
      for (char c : label)
        if (!is_alnum(c) && c != '-') return false;
    }
  }
  if (port == std::string_view::npos) return true;
  std::string_view digits = domain.substr(port + 1);
  return !digits.empty() && digits.size() <= 5 &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

// tag: [\w][\w.-]{0,127}
bool is_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || (!is_alnum(tag[0]) && tag[0] != '_')) return false;
  for (char c : tag)
    if (!is_alnum(c) && c != '_' && c != '.' && c != '-') return false;
  return true;
}

bool looks_like_domain(std::string_view part) {
  if (part == "localhost" || part.find_first_of(".:") != std::string_view::npos) return true;
  for (char c : part)
    if (c >= 'A' && c <= 'Z') return true;
  return false;
}

struct Transport {
  std::string_view prefix;
  Reference::Kind kind;
  bool takes_tag;
};
constexpr Transport transports[] = {
    {"oci:", Reference::Kind::oci, true},
    {"oci-archive:", Reference::Kind::oci_archive, true},
    {"docker-archive:", Reference::Kind::docker_archive, true},
    {"dir:", Reference::Kind::dir, false},
};
constexpr std::string_view other_transports[] = {
    "docker-daemon:", "containers-storage:", "sif:", "ostree:", "tarball:"};

constexpr std::string_view registry_prefix = "docker://";

// Whether what follows the first colon of oci:PATH:NAME is a name. "/a:b/c" is a path with a colon.
bool is_name_behind(std::string_view text) {
  auto name = Reference::parse_name(text);
  if (!name.ok()) return false;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || looks_like_domain(text.substr(0, slash))) return true;
  return text.find(':', slash) != std::string_view::npos;
}

// Where PATH[:NAME] is to be cut. docker-archive:FILE:name:tag has a colon of its own in the name: the file
// ends at the first colon. Elsewhere what follows the first colon is a name, or what follows the last one a
// tag, when it reads as that; a path that holds such a colon itself can end in ":".
size_t end_of_path(Reference::Kind kind, std::string_view text) {
  const size_t first = text.find(':'), last = text.rfind(':');
  if (first == std::string_view::npos || kind == Reference::Kind::docker_archive) return first;
  if (is_name_behind(text.substr(first + 1))) return first;
  return text.find('/', last) == std::string_view::npos ? last : std::string_view::npos;
}

Result<Reference> parse_transport(const Transport& transport, std::string_view text) {
  Reference r;
  r.kind = transport.kind;
  r.text = text;
  std::string_view rest = text.substr(transport.prefix.size());
  if (transport.takes_tag) {
    const size_t colon = end_of_path(transport.kind, rest);
    if (colon != std::string_view::npos) {
      r.tag = rest.substr(colon + 1);
      rest = rest.substr(0, colon);
    }
  }
  if (rest.empty()) return bad(text, fmt::format("a path must follow {}", transport.prefix));
  if (rest.find('\0') != std::string_view::npos) return bad(text, "a path cannot hold a null byte");
  r.path = rest;
  return r;
}

}  // namespace

Result<Reference> Reference::parse(std::string_view text) {
  Reference r;
  r.text = text;
  if (text.empty()) return bad(text, "it is empty");
  if (text == "builtin" || text == "hostfs") {
    r.kind = text == "builtin" ? Kind::builtin : Kind::hostfs;
    return r;
  }
  for (const Transport& transport : transports)
    if (text.starts_with(transport.prefix)) return parse_transport(transport, text);
  // "docker:20" is an image too; only "//" makes a transport of the word.
  if (text.starts_with(registry_prefix)) {
    r = TRY(parse_name(text.substr(registry_prefix.size())));
    r.remote = true;
    r.text = text;
    return r;
  }
  for (std::string_view prefix : other_transports) {
    if (text.starts_with(prefix))
      return Error(bad(text, fmt::format("images cannot be read from {}", prefix)))
          .hint(
              "save it to a file (`skopeo copy ... oci-archive:FILE`, `docker save -o FILE`) and name "
              "oci-archive:FILE or "
              "docker-archive:FILE");
  }
  return parse_name(text);
}

Result<Reference> Reference::parse_name(std::string_view text) {
  Reference r;
  r.text = text;
  std::string_view rest = text;
  size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest.ok())
      return std::move(digest)
          .error()
          .in(fmt::format("image reference {}", text::quoted(text)))
          .as(Fault::usage);
    r.digest = std::move(digest).value();
    rest = rest.substr(0, at);
  }
  size_t slash = rest.rfind('/');
  size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    r.tag = rest.substr(colon + 1);
    if (!is_tag(r.tag))
      return bad(text,
                 fmt::format("{} is no tag (letters, digits, _ . -, at most 128)", text::quoted(r.tag)));
    rest = rest.substr(0, colon);
  } else if (r.digest.empty()) {
    r.tag = "latest";
  }
  if (rest.empty()) return bad(text, "it has no name");
  size_t first = rest.find('/');
  if (first != std::string_view::npos && looks_like_domain(rest.substr(0, first))) {
    r.domain = rest.substr(0, first);
    r.repository = rest.substr(first + 1);
  } else {
    r.domain = "docker.io";
    r.repository = rest;
    r.short_name = true;
  }
  if (r.domain == "index.docker.io") r.domain = "docker.io";
  if (!is_domain(r.domain)) return bad(text, fmt::format("{} is no host name", text::quoted(r.domain)));
  if (r.domain == "docker.io" && r.repository.find('/') == std::string::npos)
    r.repository = "library/" + r.repository;
  for (const std::string& part : text::split(r.repository, '/'))
    if (!is_path_component(part))
      return bad(text, fmt::format("{} is no part of an image's name (lower-case letters and digits, "
                                   "separated by one of . _ __ or -)",
                                   text::quoted(part)));
  if (r.repository.size() + r.domain.size() + 1 > longest_name)
    return bad(text, "its name is longer than 255 bytes");
  if (r.digest.empty() && rest.size() == 64 && text::is_hex(rest, 64))
    return bad(text, "64 hexadecimal digits are no name; write NAME@sha256:DIGITS");
  return r;
}

Result<Reference> Reference::parse_new_name(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error::usage(fmt::format("{} cannot be an image's name: {}", text::quoted(text), why));
  };
  if (text.empty()) return refuse("it is empty");
  if (text == "builtin" || text == "hostfs") return refuse("the word has a meaning of its own");
  if (text.starts_with("sha256:")) return refuse("it reads as a digest");
  for (const Transport& transport : transports)
    if (text.starts_with(transport.prefix))
      return refuse(fmt::format("{} says where an image is read from", transport.prefix));
  for (std::string_view prefix : other_transports)
    if (text.starts_with(prefix)) return refuse(fmt::format("{} says where an image is read from", prefix));
  if (text.starts_with(registry_prefix)) return refuse("docker:// says where an image is read from");
  for (std::string_view extension : {".txt", ".txtar", ".md", ".scrut", ".t", ".cram"})
    if (text.ends_with(extension))
      return refuse(fmt::format("`run` takes a word that ends in {} for a script", extension));
  Reference r = TRY(parse_name(text));
  if (!r.digest.empty()) return refuse("a digest follows from the image, it cannot be given");
  return r;
}

std::string Reference::full() const {
  if (kind != Kind::name || repository.empty()) return text;
  std::string s = domain + "/" + repository;
  if (!tag.empty()) s += ":" + tag;
  if (!digest.empty()) s += "@" + digest.str();
  return s;
}

std::string Reference::tagged() const {
  return kind == Kind::name && !tag.empty() ? domain + "/" + repository + ":" + tag : "";
}

}  // namespace testctr::image
