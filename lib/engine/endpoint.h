// Where an engine listens on this machine: its Unix socket, found as the engine's own client finds it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::engine {

/// Whose engine. Both are spoken to by Docker's API.
enum class Maker : uint8_t { docker, podman };

struct Endpoint {
  std::string socket;  ///< a path
  std::string
      said_by;  ///< for people: what names it, "DOCKER_HOST", "the context \"x\""; empty: it is the usual one
};

/// What the search looks at, so that tests can show it something else.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string& name)> environment;  ///< empty: this process's
  bool root = false;  ///< whether the caller is root
};

/// Docker: DOCKER_HOST, else the current context's host (DOCKER_CONTEXT, config.json), else
/// /var/run/docker.sock, else docker.sock in XDG_RUNTIME_DIR. Podman: CONTAINER_HOST, else the default
/// connection that its configuration names where that is a Unix socket, else the one of root or of the user.
/// Nothing is connected to.
/// Usage errors: what was named is no Unix socket, a context does not exist.
Result<Endpoint> find_endpoint(Maker maker, const Surroundings& surroundings);

/// What is to be done about an engine that cannot be connected to. @param number the errno of connecting
std::string hint_for(Maker maker, const Endpoint& endpoint, int number);

}  // namespace testctr::engine
