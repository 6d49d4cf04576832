// The registries' side of an image's name: where it is looked for, and the image that is found there.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "image/access.h"
#include "image/downloads.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/source.h"
#include "net/http.h"
#include "registry/client.h"
#include "registry/names.h"

namespace testctr::image {

/// Opens what belongs together: configuration, one HTTP client. Safe for several threads once made.
class Remote {
 public:
  /// @param access must outlive it
  static Result<std::shared_ptr<Remote>> open(const Access& access);

  /// The names that a reference can stand for, in order: an alias or the registries that short names are
  /// looked for in, or it alone.
  [[nodiscard]] Result<std::vector<Reference>> names_of(const Reference& reference) const;

  /// A document by a reference, from the first place that has it.
  struct Found {
    Reference name;                                            ///< in full
    registry::Document document;                               ///< an index or a manifest
    std::vector<std::unique_ptr<registry::Session>> sessions;  ///< where it was found, then further mirrors
  };
  /// @return an error for: rejected by policy.json or blocked (usage), not found anywhere, not authorized,
  /// not reached. Of several places the last one's, with what the others said as notes.
  Result<Found> find(const Reference& reference);

  /// A session for writing: the registry itself, no mirror.
  Result<std::unique_ptr<registry::Session>> open_for_push(const Reference& reference);

  /// Ends all transfers, for good: before a source is given up whose layers still come in.
  void stop() { stopped_ = true; }
  [[nodiscard]] const Access& access() const { return access_; }

 private:
  Remote(const Access& access, registry::Registries registries);
  [[nodiscard]] Status refuse_offline(const Reference& reference) const;
  Result<Found> find_named(const Reference& name);
  registry::SessionOptions session_options() const;
  void note(const std::string& text) const;

  const Access& access_;
  registry::Registries registries_;
  std::atomic<bool> stopped_ = false;
  std::function<bool()> cancelled_;
  mutable std::mutex noting_;
  net::Client client_;
};

/// The image for `remote->access().platform` below what was found. Layers that it is told to expect are
/// downloaded several at a time, others when they are asked for.
Result<std::unique_ptr<Source>> registry_source(std::shared_ptr<Remote> remote, Remote::Found found);

/// Every manifest below an index, with its platform; a manifest alone has the platform that its configuration
/// says.
Result<std::vector<std::pair<Platform, Digest>>> platforms_of(Remote::Found& found);

}  // namespace testctr::image
