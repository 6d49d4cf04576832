// Who we are for a registry: containers-auth.json(5), Docker's config.json, credential helpers; and what its
// server is trusted by: certs.d.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace testctr::registry {

struct Credentials {
  std::string user, password;
  std::string identity_token;  ///< a refresh token; then user and password are empty
  std::string from;            ///< the file or helper, for messages; never the secret
};

/// What belongs to `host`/`repository`: --authfile (or $REGISTRY_AUTH_FILE) alone where it is given, else
/// $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/UID/auth.json where the variable is not set),
/// $XDG_CONFIG_HOME/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg.
/// In each: the helper that credHelpers has for the host, and then nothing else of that file; else the most
/// specific key that has anything in it (host/a/b, host/a, host; Docker's https://index.docker.io/v1/ stands
/// for docker.io); else credsStore. Helpers are run as `docker-credential-NAME get` with a time limit of 30 s
/// and a bounded output.
/// @return nothing where nobody knows any; a usage error for a file that cannot be read or parsed or that was
/// named and is not there, an infrastructure error for a helper that fails otherwise than by not knowing any.
Result<std::optional<Credentials>> find_credentials(const std::string& host, const std::string& repository,
                                                    const std::string& authfile);

/// What certs.d says for `host` ("name:port"): *.crt are authorities, *.cert with *.key a client's
/// certificate. In $XDG_CONFIG_HOME/containers/certs.d, /etc/containers/certs.d, /etc/docker/certs.d; the
/// first that has a folder of that host; of several client certificates the first by name. @return a usage
/// error for a .cert without .key and the reverse.
Result<net::Tls> certificates_for(const std::string& host);

}  // namespace testctr::registry
