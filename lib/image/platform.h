// What machine an image is made for, in the words of OCI and in those that people write.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::image {

/// What an image is made for (image-spec, image-index.md: platform).
struct Platform {
  std::string os, architecture, variant;  ///< variant may be empty
  /// "linux/arm64", "linux/arm/v7", "arm64" (then linux); amd64, x86_64, aarch64 and the like in any of their
  /// spellings. A usage error for anything else.
  static Result<Platform> parse(std::string_view text);
  /// This machine's.
  static Platform own();
  [[nodiscard]] std::string str() const;
  bool operator==(const Platform&) const = default;
  /// How well an image for `other` serves where this is asked for: 0 not at all; the more the better: an
  /// earlier variant, none said, the same.
  [[nodiscard]] int serves(const Platform& other) const;
};

}  // namespace testctr::image
