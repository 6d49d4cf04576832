#include "registry/auth_file.h"

#include "base/json.h"
#include "base/text.h"

namespace testctr::registry {
namespace {

// Docker Hub has several names, and its key is a URL.
std::string canonical_host(std::string host) {
  if (host == "index.docker.io" || host == "registry-1.docker.io") return "docker.io";
  return host;
}

// A key as host[/path]: older ones are URLs, whose path ("/v1/", "/v2/") means nothing.
std::string canonical_key(std::string_view key, bool legacy) {
  bool url = legacy;
  for (std::string_view scheme : {"https://", "http://"}) {
    if (!key.starts_with(scheme)) continue;
    key.remove_prefix(scheme.size());
    url = true;
  }
  size_t slash = key.find('/');
  std::string host = canonical_host(std::string(key.substr(0, slash)));
  if (url || slash == std::string_view::npos) return host;
  return host + std::string(key.substr(slash));
}

// What a key of the wrong type is told as. The parser's own message would show what stands there.
Error bad_entry(const std::string& file, const std::string& key, std::string_view why) {
  return Error::usage(fmt::format("{}: the entry {} {}", file, text::quoted(key), why));
}

Result<std::string> member(const Json& object, const char* name, const std::string& file,
                           const std::string& key) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return bad_entry(file, key, fmt::format("has a {} that is no string", name));
  return found->get<std::string>();
}

Status read_auths(const Json& auths, AuthFile& file) {
  for (const auto& [key, value] : auths.items()) {
    if (!value.is_object()) return bad_entry(file.name, key, "is no object");
    AuthFile::Entry entry;
    entry.auth = TRY(member(value, "auth", file.name, key));
    entry.user = TRY(member(value, "username", file.name, key));
    entry.password = TRY(member(value, "password", file.name, key));
    entry.identity_token = TRY(member(value, "identitytoken", file.name, key));
    file.auths[key] = std::move(entry);
  }
  return {};
}

Result<Credentials> decode(const AuthFile::Entry& entry, const std::string& key, const std::string& file) {
  Credentials credentials;
  credentials.from = file;
  if (!entry.identity_token.empty()) {
    credentials.identity_token = entry.identity_token;
    return credentials;
  }
  credentials.user = entry.user;
  credentials.password = entry.password;
  if (entry.auth.empty()) return credentials;
  auto decoded = text::from_base64(entry.auth);
  size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos)
    return Error(bad_entry(file, key, "has an auth that is not the base64 of USER:PASSWORD"))
        .hint("log in again, or take the entry out");
  credentials.user = decoded->substr(0, colon);
  credentials.password = decoded->substr(colon + 1);
  // Old clients padded it.
  while (credentials.password.ends_with('\0')) credentials.password.pop_back();
  if (credentials.user == "<token>") {
    credentials.identity_token = std::exchange(credentials.password, "");
    credentials.user.clear();
  }
  return credentials;
}

// Where in a JSON text the parser stopped, without what it read there.
std::string place_of(const std::string& message) {
  size_t begin = message.find("at line ");
  size_t end = begin == std::string::npos ? begin : message.find(':', begin);
  return end == std::string::npos ? "" : " (" + message.substr(begin, end - begin) + ")";
}

}  // namespace

std::string AuthFile::helper_for(const std::string& host) const {
  if (auto exact = helpers.find(host); exact != helpers.end()) return exact->second;
  for (const auto& [key, helper] : helpers)
    if (canonical_key(key, /* legacy= */ true) == canonical_host(host)) return helper;
  return "";
}

Result<std::optional<Credentials>> AuthFile::find(const std::string& host,
                                                  const std::string& repository) const {
  std::string wanted = canonical_host(host) + (repository.empty() ? "" : "/" + repository);
  while (true) {
    auto exact = auths.find(wanted);
    if (exact != auths.end() && !exact->second.empty())
      return std::optional<Credentials>(TRY(decode(exact->second, exact->first, name)));
    for (const auto& [key, entry] : auths)
      if (!entry.empty() && canonical_key(key, /* legacy= */ false) == wanted)
        return std::optional<Credentials>(TRY(decode(entry, key, name)));
    size_t slash = wanted.rfind('/');
    if (slash == std::string::npos) return std::optional<Credentials>();
    wanted.resize(slash);
  }
}

Result<AuthFile> parse_auth_file(std::string_view text, const std::string& name, bool legacy) {
  AuthFile file;
  file.name = name;
  if (text::trim(text).empty()) return file;  // `touch auth.json` is no mistake
  auto parsed = json::parse(text);
  if (!parsed.ok())
    return Error::usage(fmt::format("{} is no valid JSON{}", name, place_of(parsed.error().message())));
  const Json& root = parsed.value();
  if (!root.is_object()) return Error::usage(fmt::format("{} holds no JSON object", name));
  if (legacy) {
    CHECK_OK(read_auths(root, file));
    return file;
  }
  for (const char* key : {"auths", "credHelpers"}) {
    auto found = root.find(key);
    if (found != root.end() && !found->is_null() && !found->is_object())
      return Error::usage(fmt::format("{}: {} must be an object", name, key));
  }
  if (const Json* auths = json::find(root, "auths", Json::value_t::object))
    CHECK_OK(read_auths(*auths, file));
  if (const Json* helpers = json::find(root, "credHelpers", Json::value_t::object)) {
    for (const auto& [key, value] : helpers->items()) {
      if (!value.is_string()) return bad_entry(name, key, "of credHelpers is no string");
      file.helpers[key] = value.get<std::string>();
    }
  }
  file.store = TRY(member(root, "credsStore", name, "credsStore"));
  return file;
}

}  // namespace testctr::registry
