// One file of credentials: containers-auth.json(5), Docker's config.json, and the older .dockercfg, which is
// the "auths" of the others alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/credentials.h"

namespace testctr::registry {

/// Secrets stand in it: no message shows more than keys and places.
struct AuthFile {
  struct Entry {
    std::string auth, user, password, identity_token;  ///< as they stand there
    [[nodiscard]] bool empty() const { return auth.empty() && user.empty() && identity_token.empty(); }
  };
  std::map<std::string, Entry> auths;          ///< by key as written
  std::map<std::string, std::string> helpers;  ///< credHelpers, by key as written
  std::string store;                           ///< credsStore
  std::string name;                            ///< the file, for messages

  /// The helper that this file names for the host; "" for none.
  [[nodiscard]] std::string helper_for(const std::string& host) const;
  /// The most specific entry for host/repository that has anything in it. @return nothing for none; a usage
  /// error when it cannot be decoded.
  [[nodiscard]] Result<std::optional<Credentials>> find(const std::string& host,
                                                        const std::string& repository) const;
};

/// @param file its name, for messages. @param legacy .dockercfg. @return a usage error for what is no such
/// file; unknown keys are passed over.
Result<AuthFile> parse_auth_file(std::string_view text, const std::string& file, bool legacy);

}  // namespace testctr::registry
