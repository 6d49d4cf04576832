// Bearer tokens: asked for at the server that a challenge names (distribution's token protocol: GET with
// scopes, or POST with a refresh token), and kept while they are good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/credentials.h"
#include "registry/retry.h"
#include "registry/transport.h"

namespace testctr::registry {

struct Token {
  std::string value;
  uint64_t good_until = 0;  ///< monotonic
};

struct TokenPlace {
  std::string realm, service;  ///< as the challenge has them
};

/// A token from the answer of such a server. A life shorter than a minute counts as one: such servers mean
/// the clock's unit, and one that is over earlier shows by a 401. @param now monotonic.
Result<Token> parse_token(std::string_view body, uint64_t now);

/// Asks for a token with these scopes. @param passing filled in where another try may help.
/// @return EACCES where the server refuses; credentials go nowhere but over TLS, or by plain HTTP from an
/// insecure location.
Result<Token> fetch_token(Transport& transport, const TokenPlace& place,
                          const std::vector<std::string>& scopes,
                          const std::optional<Credentials>& credentials, Passing& passing);

}  // namespace testctr::registry
