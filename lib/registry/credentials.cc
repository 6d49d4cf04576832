// Where credentials are looked for, and in which order.
#include "registry/credentials.h"

#include "base/text.h"
#include "registry/auth_file.h"
#include "registry/helper.h"
#include "registry/places.h"

namespace testctr::registry {
namespace {

struct Place {
  std::string path;
  bool legacy = false, required = false;
};

std::vector<Place> places(const std::string& authfile) {
  const std::string named = !authfile.empty() ? authfile : variable("REGISTRY_AUTH_FILE");
  if (!named.empty()) return {{named, /* legacy= */ false, /* required= */ true}};
  std::vector<Place> all;
  std::string runtime = absolute_variable("XDG_RUNTIME_DIR");
  runtime = runtime.empty() ? fmt::format("/run/containers/{}", getuid()) : runtime + "/containers";
  all.push_back({runtime + "/auth.json"});
  if (!config_home().empty()) all.push_back({config_home() + "/containers/auth.json"});
  const std::string docker = variable("DOCKER_CONFIG");
  if (!docker.empty()) {
    all.push_back({docker + "/config.json"});
  } else if (!home().empty()) {
    all.push_back({home() + "/.docker/config.json"});
  }
  if (!home().empty()) all.push_back({home() + "/.dockercfg", /* legacy= */ true});
  return all;
}

// Helpers keep Docker Hub under its URL, some under its name.
Result<std::optional<Credentials>> ask(const std::string& helper, const std::string& host,
                                       const std::string& file) {
  if (host == "docker.io") {
    auto found = TRY(ask_helper(helper, "https://index.docker.io/v1/", file));
    if (found) return found;
  }
  return ask_helper(helper, host, file);
}

}  // namespace

Result<std::optional<Credentials>> find_credentials(const std::string& host, const std::string& repository,
                                                    const std::string& authfile) {
  for (const Place& place : places(authfile)) {
    auto text = TRY(read_configuration(place.path));
    if (!text && place.required)
      return Error(Error::usage(fmt::format("the file of credentials {} does not exist", place.path)))
          .hint(authfile.empty() ? "REGISTRY_AUTH_FILE names it" : "--authfile names it");
    if (!text) continue;
    AuthFile file = TRY(parse_auth_file(*text, place.path, place.legacy));
    // A helper for this very host is meant to be the only one asked, of this file.
    if (std::string helper = file.helper_for(host); !helper.empty()) {
      auto found = TRY(ask(helper, host, place.path));
      if (found) return found;
      continue;
    }
    auto found = TRY(file.find(host, repository));
    if (!found && !file.store.empty()) found = TRY(ask(file.store, host, place.path));
    if (found) return found;
  }
  return std::optional<Credentials>();
}

}  // namespace testctr::registry
