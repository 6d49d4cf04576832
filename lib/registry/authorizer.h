// Whom we are taken for: what the registry asked for, the credentials, and the Authorization that follows.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/challenge.h"
#include "registry/credentials.h"
#include "registry/token.h"
#include "registry/transport.h"

namespace testctr::registry {

/// Safe for several threads: who needs a token waits for the one that is being fetched.
class Authorizer {
 public:
  Authorizer(Transport& transport, const Location& location, std::string authfile)
      : transport_(transport), location_(location), authfile_(std::move(authfile)) {}

  /// The Authorization of a request with these scopes ("repository:NAME:pull"), "" while nothing was asked
  /// for. Fetches a token where there is none that is good.
  Result<std::string> header(const std::vector<std::string>& scopes, Passing& passing);

  /// Takes note of a 401 for a request that was sent with `sent`: afterwards `header` gives something else.
  /// @param told_scope whether the challenge's scope is to be asked for, too
  /// @return an error where nothing else could be given: no credentials, or refused ones; EACCES
  Status challenged(const std::vector<std::string>& scopes, const std::string& sent,
                    const std::string& www_authenticate, bool told_scope, Passing& passing);

  /// Whether there was a challenge yet.
  bool asked();
  /// Whether there are credentials for this repository.
  Result<bool> knows_any();
  /// The error for who was not let in in spite of everything. @param told what the registry says
  Error refused(const std::string& what, const std::string& told);

 private:
  enum class Mode : uint8_t { none, basic, bearer };

  // All of these with the mutex held.
  Result<std::optional<Credentials>> credentials();
  Result<std::string> current(const std::vector<std::string>& scopes, Passing& passing);
  Status take(const std::vector<Challenge>& challenges, const std::string& www_authenticate, bool told_scope);
  [[nodiscard]] std::vector<std::string> wanted(const std::vector<std::string>& scopes) const;

  Transport& transport_;
  const Location& location_;
  const std::string authfile_;
  std::mutex mutex_;
  Mode mode_ = Mode::none;
  TokenPlace place_;
  std::vector<std::string> more_scopes_;  // that challenges asked for beside ours
  std::map<std::string, Token> tokens_;   // by scopes
  bool looked_ = false;                   // for credentials
  std::optional<Credentials> credentials_;
};

}  // namespace testctr::registry
