// From an image reference to a root file system that a container can use.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "image/access.h"

namespace testctr::image {

/// How an image says that its program can be asked whether it is well (Docker's HEALTHCHECK).
struct Healthcheck {
  std::vector<std::string> test;  ///< "CMD" and words, or "CMD-SHELL" and a line; never empty or "NONE"
  int64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0;  ///< 0: not said
  int64_t retries = 0;                                           ///< 0: not said
  bool operator==(const Healthcheck&) const = default;
};

/// What we use of an image's configuration.
struct Config {
  std::vector<std::string> env;  ///< "K=V"
  std::string working_dir;
  std::string user;
  std::vector<std::string> entrypoint, command;
  std::string os, architecture;
  std::map<std::string, std::string> labels;
  std::vector<std::string> exposed_ports;  ///< "5432/tcp"
  std::optional<Healthcheck> healthcheck;
};

/// A root file system that is there: unpacked layers, held by a shared lock for as long as this lives.
struct RootFilesystem {
  enum class Kind : uint8_t { layers, hostfs };
  Kind kind = Kind::layers;
  std::vector<std::string> layers;  ///< absolute directories, lowest first
  Config config;
  Digest manifest;        ///< empty for hostfs and dir:
  std::string reference;  ///< as it is shown to people
  mode_t root_mode =
      0755;  ///< of the merged root: the mount's own upper directory decides it, not the layers
  std::vector<std::string> notes;  ///< what unpacking could not keep (owners, attributes, device nodes)
  std::vector<Fd> locks;           ///< open file descriptions; PID 1 inherits them, so that gc waits for it
};

struct StoreOptions {
  std::string home;  ///< empty: $TESTCTR_HOME, else $XDG_DATA_HOME/testctr, else ~/.local/share/testctr
  /// Further stores that are only looked into, the first one first; behind them those of $TESTCTR_STORE_RO,
  /// which are separated by ":". What is there is used in place: nothing is written, and no gc of this store
  /// touches it.
  std::vector<std::string> read_only;
};

/// The content-addressed store: blobs, unpacked layers, references. Safe for concurrent processes, and after
/// a crash at any point.
class Store {
 public:
  /// Errors: none can be made or used; a read-only one is none, or cannot be read.
  static Result<Store> open(const StoreOptions& options);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();
  /// To be told to people once: that another folder than the usual one had to be taken.
  [[nodiscard]] const std::vector<std::string>& notes() const;
  /// Where it is, absolute.
  [[nodiscard]] const std::string& home() const;
  /// Whether layers on disk have the owners that the image gives them (root), or are all the caller's.
  [[nodiscard]] bool keeps_owners() const;
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Finds `reference` (DESIGN: builtin, hostfs, name[:tag][@digest], oci:, oci-archive:, docker-archive:,
/// dir:), verifies and unpacks what is not there yet; a name that the store does not have comes from its
/// registry, as `access` allows.
/// @return an error, too, where the image is for another machine than this one
Result<RootFilesystem> obtain(Store& store, const std::string& reference, const Access& access = {});

}  // namespace testctr::image
