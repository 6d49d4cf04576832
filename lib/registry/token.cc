#include "registry/token.h"

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "registry/answer.h"

namespace testctr::registry {
namespace {

constexpr size_t largest_answer = size_t{1} << 20, longest_token = size_t{64} << 10;
constexpr int64_t shortest_life_s = 60, longest_life_s = int64_t{30} * 24 * 3600;
constexpr uint64_t second = 1'000'000'000;

// What may stand in a header's value: a token is nothing else than that.
bool is_token(std::string_view value) {
  if (value.empty() || value.size() > longest_token) return false;
  for (char c : value)
    if (c < 0x21 || c > 0x7e) return false;
  return true;
}

void add_query(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  query += fmt::format("{}={}", name, net::encode_component(value));
}

// GET realm?service=...&scope=...&scope=...: with the password in the header, or for anybody.
net::Request get_request(net::Url url, const TokenPlace& place, const std::vector<std::string>& scopes,
                         const std::optional<Credentials>& credentials) {
  std::string query;
  if (credentials) add_query(query, "account", credentials->user);
  if (!place.service.empty()) add_query(query, "service", place.service);
  for (const std::string& scope : scopes) add_query(query, "scope", scope);
  if (!query.empty()) url.target += (url.target.find('?') == std::string::npos ? "?" : "&") + query;
  net::Request request;
  request.url = std::move(url);
  if (credentials)
    request.headers.emplace_back("Authorization",
                                 "Basic " + text::base64(credentials->user + ":" + credentials->password));
  return request;
}

// POST with a form: a refresh token is a body's matter, never a URL's.
net::Request post_request(net::Url url, const TokenPlace& place, const std::vector<std::string>& scopes,
                          const Credentials& credentials) {
  net::Request request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  add_query(request.body, "grant_type", "refresh_token");
  add_query(request.body, "service", place.service);
  add_query(request.body, "client_id", "testctr-script");
  add_query(request.body, "scope", text::join(scopes, " "));
  add_query(request.body, "refresh_token", credentials.identity_token);
  return request;
}

}  // namespace

Result<Token> parse_token(std::string_view body, uint64_t now) {
  auto parsed = json::parse(body);
  // What stands there may be a secret: it is not shown.
  if (!parsed.ok() || !parsed.value().is_object())
    return Error::infrastructure("the answer is no JSON object");
  Token token;
  for (const char* key : {"token", "access_token"}) {
    auto found = parsed.value().find(key);
    if (!token.value.empty() || found == parsed.value().end() || !found->is_string()) continue;
    token.value = found->get<std::string>();
  }
  if (!is_token(token.value)) return Error::infrastructure("the answer has no usable token");
  int64_t life = shortest_life_s;
  auto said = parsed.value().find("expires_in");
  if (said != parsed.value().end() && said->is_number_integer())
    life = said->is_number_unsigned() && said->get<uint64_t>() > static_cast<uint64_t>(longest_life_s)
               ? longest_life_s
               : std::clamp(said->get<int64_t>(), shortest_life_s, longest_life_s);
  // Renewed a little early, so that it does not end on its way.
  token.good_until = now + static_cast<uint64_t>(life) * second - 5 * second;
  return token;
}

Result<Token> fetch_token(Transport& transport, const TokenPlace& place,
                          const std::vector<std::string>& scopes,
                          const std::optional<Credentials>& credentials, Passing& passing) {
  auto url = net::Url::parse(place.realm);
  if (!url.ok())
    return std::move(url).error().as(Fault::infrastructure).in("the registry's server for tokens");
  const std::string shown = url.value().shown();
  if (credentials && !url.value().tls && !transport.insecure())
    return Error(Error::infrastructure(fmt::format(
                     "the server for tokens {} is without TLS: credentials are not sent there", shown)))
        .hint("only a registry that registries.conf calls insecure may do that");
  const bool refresh = credentials && !credentials->identity_token.empty();
  net::Request request = refresh ? post_request(std::move(url).value(), place, scopes, *credentials)
                                 : get_request(std::move(url).value(), place, scopes, credentials);
  const std::string what = fmt::format("asking {} for a token", shown);
  Followed answer = TRY_IN(transport.send(std::move(request)), what);
  look_at(*answer.response, passing);
  if (answer.response->status != 200) return refusal(*answer.response, what);
  passing = Passing();
  const std::string body = TRY_IN(net::read_body(*answer.response, largest_answer), what);
  auto token = parse_token(body, sys::monotonic_ns());
  return std::move(token).in(what);
}

}  // namespace testctr::registry
