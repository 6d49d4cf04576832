// SHA-256 as the OCI specification writes it: "sha256:<64 hex digits>".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr {

/// A digest as a value. Only sha256 exists here; other algorithms are refused when a digest is parsed.
class Digest {
 public:
  Digest() = default;
  /// Parses "sha256:<hex>"; a usage-independent error (infrastructure) that names the text when malformed or
  /// of another algorithm.
  static Result<Digest> parse(std::string_view text);
  /// The digest of these bytes.
  static Digest of(std::string_view bytes);
  /// From 64 hex digits that are known to be good.
  static Digest from_hex(std::string hex);

  [[nodiscard]] bool empty() const { return hex_.empty(); }
  [[nodiscard]] const std::string& hex() const { return hex_; }
  [[nodiscard]] std::string str() const { return hex_.empty() ? "" : "sha256:" + hex_; }
  auto operator<=>(const Digest&) const = default;

 private:
  std::string hex_;
};

/// A running SHA-256.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);
  /// Ends the hash; the object may not be updated afterwards.
  Digest finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr
