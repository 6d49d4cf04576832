// A credential helper: the program docker-credential-NAME, asked for a server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "registry/credentials.h"

namespace testctr::registry {

/// Runs `docker-credential-NAME get` with the server's name on its input. @param named_by the file that names
/// the helper, for messages. @return nothing where the helper says that it knows none; an infrastructure
/// error where there is no such program, where it fails, takes longer than `limit_ns` or says something else
/// than credentials (which is never shown).
Result<std::optional<Credentials>> ask_helper(const std::string& name, const std::string& server,
                                              const std::string& named_by, int64_t limit_ns = 30'000'000'000);

}  // namespace testctr::registry
