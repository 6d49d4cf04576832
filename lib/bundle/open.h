// A bundle opened: from a file, whatever stands in front of it there, or from a registry or the store.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bundle/plan_file.h"
#include "bundle/recording.h"
#include "image/access.h"
#include "image/image.h"
#include "image/source.h"

namespace testctr::bundle {

/// A plan as it can be run here, and what it needs that long.
struct Ready {
  plan::Plan plan;
  std::map<std::string, std::string>
      shown;                       ///< how reports are to name an image: by what it is obtained by here
  std::vector<std::string> notes;  ///< secrets that it does not have here, limits that it does not get
  std::vector<Fd> locks;
};

class Bundle {
 public:
  /// Only the bundle's own layer is unpacked, into the store. @param text a file, else the name of an image,
  /// in the store or a registry; "" is the program's own file, with a bundle behind it
  /// @param access must outlive the bundle
  /// Errors (infrastructure): damaged, of a newer version, for another machine, no bundle.
  static Result<Bundle> open(image::Store& store, const std::string& text, const image::Access& access);

  [[nodiscard]] const PlanFile& file() const { return file_; }
  [[nodiscard]] const std::optional<Recording>& recording() const { return recording_; }
  /// The digest of its content.
  [[nodiscard]] const Digest& content() const { return packed_->manifest_digest; }
  /// Whether some of its lines are carried out on the host.
  [[nodiscard]] Result<bool> has_host_sections() const;
  /// What else its tests want of the host that tests do not have otherwise, in words.
  [[nodiscard]] std::vector<std::string> wants_of_host() const;
  /// The folder that its layer has as /testctr, in the store. Hostile: links may be in it.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const image::Source& packed() const { return *packed_; }

  /// Unpacks its images. The plan's paths are those of this machine then. @param keep_blobs also keeps them
  /// as they are, for engines that are to load them @param secrets the variables of this environment that it
  /// may have
  Result<Ready> ready(image::Store& store, bool keep_blobs, const std::set<std::string>& secrets = {}) const;
  /// Its images for being sent elsewhere: its own, and the others that it needs.
  [[nodiscard]] Result<std::vector<std::unique_ptr<image::Source>>> images() const;

 private:
  Bundle() = default;
  Status read_archive(Fd file, const std::string& shown);
  Status read_named(image::Store& store, const std::string& text, const image::Access& access);
  Status read_layer(image::Store& store);
  Result<std::unique_ptr<image::Source>> other(const NamedDigest& image) const;

  std::optional<image::OciArchive> archive_;
  std::function<Result<std::unique_ptr<image::Source>>()> again_;  ///< its own image, once more
  std::function<Result<std::unique_ptr<image::Source>>(const Digest&)> by_digest_;
  std::shared_ptr<image::Source> packed_;
  PlanFile file_;
  std::optional<Recording> recording_;
  std::string folder_;
  std::vector<Fd> locks_;
};

/// The seal of this program's own file, when a bundle stands behind it.
Result<bool> carries_bundle();

/// Whether we are in a container of a bundle's image.
bool is_inside();
/// The plan of the bundle in whose image we are, for `engine::open_inside`.
struct Inside {
  Ready ready;
  std::vector<std::string> environment;  ///< the image's Env
};
Result<Inside> read_inside();

}  // namespace testctr::bundle
