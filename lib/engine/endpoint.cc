#include "engine/endpoint.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/digest.h"
#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"

namespace testctr::engine {
namespace {

constexpr size_t largest_file = size_t{4} << 20;
constexpr const char* docker_socket = "/var/run/docker.sock";
constexpr const char* podman_socket = "/run/podman/podman.sock";

class Search {
 public:
  explicit Search(const Surroundings& surroundings) : surroundings_(surroundings) {}

  Result<Endpoint> docker() {
    if (const auto host = variable("DOCKER_HOST")) return of_url(*host, "DOCKER_HOST");
    const std::string folder = variable("DOCKER_CONFIG").value_or(home() + "/.docker");
    std::string context, said_by = "DOCKER_CONTEXT";
    if (const auto named = variable("DOCKER_CONTEXT")) {
      context = *named;
    } else {
      said_by = folder + "/config.json";
      context = TRY(string_in(said_by, {"currentContext"}));
    }
    if (!context.empty() && context != "default") return of_context(folder, context, said_by);
    if (exists(docker_socket)) return Endpoint{docker_socket, ""};
    if (const auto runtime = variable("XDG_RUNTIME_DIR"); runtime && exists(*runtime + "/docker.sock"))
      return Endpoint{*runtime + "/docker.sock", ""};
    return Endpoint{docker_socket, ""};
  }

  Result<Endpoint> podman() {
    if (const auto host = variable("CONTAINER_HOST")) return of_url(*host, "CONTAINER_HOST");
    // Another machine's is not what a local client would take.
    const std::string configured = TRY(podman_connection());
    if (configured.starts_with("unix://")) return of_url(configured, "podman's default connection");
    if (surroundings_.root) return Endpoint{podman_socket, ""};
    const std::string runtime =
        variable("XDG_RUNTIME_DIR").value_or(fmt::format("/run/user/{}", ::geteuid()));
    return Endpoint{runtime + "/podman/podman.sock", ""};
  }

 private:
  [[nodiscard]] std::optional<std::string> variable(const std::string& name) const {
    std::optional<std::string> value;
    if (surroundings_.environment) {
      value = surroundings_.environment(name);
    } else if (const char* found = ::getenv(name.c_str()); found != nullptr) {
      value = found;
    }
    return value && value->empty() ? std::nullopt : value;
  }
  [[nodiscard]] std::string home() const { return variable("HOME").value_or("/"); }

  static bool exists(const std::string& path) {
    auto found = sys::stat_at(AT_FDCWD, path, 0);
    return found.ok() && found.value();
  }

  static Result<Endpoint> of_url(const std::string& url, const std::string& said_by) {
    constexpr std::string_view scheme = "unix://";
    if (url.starts_with(scheme) && url.size() > scheme.size() + 1 && url[scheme.size()] == '/')
      return Endpoint{url.substr(scheme.size()), said_by};
    return Error::usage(
               fmt::format("{} names {}, and only engines on a Unix socket of this machine are spoken to",
                           said_by, text::quoted(url)))
        .hint("unix:///PATH names a socket");
  }

  /// The text under these keys of a JSON file; empty where the file or a key is not there.
  static Result<std::string> string_in(const std::string& path, const std::vector<std::string>& keys) {
    if (!exists(path)) return std::string();
    const Json document = TRY_IN(json::parse(TRY(sys::read_file(path, largest_file))), "reading " + path);
    const Json* at = &document;
    for (const std::string& key : keys) {
      if (!at->is_object() || !at->contains(key)) return std::string();
      at = &at->at(key);
    }
    return at->is_string() ? at->get<std::string>() : std::string();
  }

  static Result<Endpoint> of_context(const std::string& folder, const std::string& name,
                                     const std::string& said_by) {
    const std::string file = fmt::format("{}/contexts/meta/{}/meta.json", folder, Digest::of(name).hex());
    if (!exists(file))
      return Error::usage(fmt::format("{} names the context {}, and there is no {}", said_by,
                                      text::quoted(name), file))
          .hint("`docker context ls` lists those that there are");
    const std::string host = TRY(string_in(file, {"Endpoints", "docker", "Host"}));
    return of_url(host, fmt::format("the context {}", text::quoted(name)));
  }

  Result<std::string> podman_connection() {
    const std::string folder = variable("XDG_CONFIG_HOME").value_or(home() + "/.config") + "/containers/";
    const std::string connections = folder + "podman-connections.json";
    const std::string name = TRY(string_in(connections, {"Connection", "Default"}));
    if (!name.empty()) return string_in(connections, {"Connection", "Connections", name, "URI"});
    if (!exists(folder + "containers.conf")) return std::string();
    return destination_in(TRY(sys::read_file(folder + "containers.conf", largest_file)));
  }

  // What podman itself writes into the file: a key or a table a line.
  static std::string destination_in(const std::string& text) {
    std::string table, active, uri;
    for (const bool second : {false, true}) {
      for (std::string_view line : text::lines(text)) {
        line = text::trim(line);
        if (line.starts_with('[')) table = line;
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos || line.starts_with('#')) continue;
        const std::string_view key = text::trim(line.substr(0, equals));
        std::string_view value = text::trim(line.substr(equals + 1));
        if (value.size() < 2 || value.front() != '"' || value.back() != '"') continue;
        value = value.substr(1, value.size() - 2);
        if (!second && table == "[engine]" && key == "active_service") active = value;
        const bool here = table == "[engine.service_destinations." + active + "]" ||
                          table == "[engine.service_destinations.\"" + active + "\"]";
        if (second && here && key == "uri") uri = value;
      }
    }
    return uri;
  }

  const Surroundings& surroundings_;
};

}  // namespace

Result<Endpoint> find_endpoint(Maker maker, const Surroundings& surroundings) {
  Search search(surroundings);
  return maker == Maker::docker ? search.docker() : search.podman();
}

std::string hint_for(Maker maker, const Endpoint& endpoint, int number) {
  const bool docker = maker == Maker::docker;
  if (number == EACCES || number == EPERM) {
    return docker
               ? "who may use Docker is in the group docker: `sudo usermod -aG docker $USER`, and a new login"
               : "`systemctl --user start podman.socket` starts an engine of your own";
  }
  if (!endpoint.said_by.empty())
    return fmt::format("{} names this socket: is the engine started?", endpoint.said_by);
  if (docker)
    return "`sudo systemctl start docker` starts Docker's engine; DOCKER_HOST=unix:///PATH names another "
           "socket";
  return endpoint.socket == podman_socket ? "`systemctl start podman.socket` starts Podman's engine; "
                                            "CONTAINER_HOST=unix:///PATH names another socket"
                                          : "`systemctl --user start podman.socket` starts Podman's engine, "
                                            "or `podman system service --time=0 &`";
}

}  // namespace testctr::engine
