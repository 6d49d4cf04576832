// registries.conf, version 2 (TOML; containers-registries.conf(5)): from the name of an image to the places
// to pull it from, in order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace testctr::registry {

/// A repository at a server, to be tried.
struct Location {
  std::string host;        ///< "registry.example:5000": as in Host, docker.io as it is
  std::string repository;  ///< "library/golang"
  bool insecure = false;   ///< certificates are not verified, and plain HTTP is tried when TLS is not spoken
  bool mirror = false;
};

/// Where the configuration is looked for.
struct ConfigPaths {
  std::vector<std::string> files;  ///< the first that exists counts: $CONTAINERS_REGISTRIES_CONF alone, else
                                   ///< $XDG_CONFIG_HOME/containers/, /etc/containers/registries.conf
  std::vector<std::string> folders;  ///< registries.conf.d of system and user, in that order; with a user's
                                     ///< registries.conf the user's alone
  std::string aliases;               ///< short-name-aliases.conf, which comes last; may be empty
  bool required = false;             ///< one of `files` must exist: a variable names it
  /// As containers-registries.conf(5) says, from the environment.
  static ConfigPaths standard();
};

/// short-name-mode: what a short name without alias means where several registries may be searched.
enum class ShortNames : uint8_t {
  permissive,  ///< all in turn (the others ask on a terminal first; we never do)
  enforcing,   ///< it is ambiguous: an error
  disabled,    ///< all in turn
};

class Registries {
 public:
  /// Reads and merges the files. A file that is not there is no error, unless `required`.
  /// @return a usage error with file:line:column for broken TOML, unknown values, version 1 (it is named).
  static Result<Registries> read(const ConfigPaths& paths);

  /// Where `name` (a full name: "docker.io/library/golang"; a tag or digest behind it counts for prefixes
  /// that have one) is to be pulled from: mirrors in order, then the registry itself.
  /// @param by_digest which mirrors apply (pull-from-mirror, mirror-by-digest-only).
  /// @return a usage error when the registry is blocked, naming the file that says so.
  [[nodiscard]] Result<std::vector<Location>> locate(const std::string& name, bool by_digest) const;

  /// What a short name ("golang", "myteam/tool") stands for by [aliases]; empty: no alias.
  [[nodiscard]] std::string alias(const std::string& short_name) const;
  /// unqualified-search-registries: where short names without alias are looked for, in order. Empty:
  /// docker.io alone, as Docker does.
  [[nodiscard]] const std::vector<std::string>& search() const;
  /// short-name-mode.
  [[nodiscard]] ShortNames short_names() const;

  struct Impl;
  Registries(Registries&&) noexcept;
  Registries& operator=(Registries&&) noexcept;
  ~Registries();

 private:
  explicit Registries(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// policy.json (containers-policy.json(5)): whether `transport` ("docker", "oci", "oci-archive",
/// "docker-archive", "dir") and `scope` ("docker.io/library/golang:latest") may be used at all. The most
/// specific scope decides, then the transport's "" scope, then the default. `insecureAcceptAnything` accepts,
/// `reject` rejects; requirements for signatures, which we cannot verify, reject and say so. No file accepts.
/// @param paths the first that exists counts; empty: $XDG_CONFIG_HOME/containers/,
/// /etc/containers/policy.json
Status check_policy(const std::string& transport, const std::string& scope,
                    const std::vector<std::string>& paths = {});

}  // namespace testctr::registry
