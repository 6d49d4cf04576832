// What is behind a Session: each of its undertakings as one try.
#pragma once

#include <string>

#include "registry/client.h"
#include "registry/exchange.h"

namespace testctr::registry {

class Session::Impl {
 public:
  Impl(net::Client& client, Location location, SessionOptions options)
      : exchange(client, std::move(location), std::move(options)) {}

  Result<Document> manifest_once(const std::string& tag_or_digest, size_t largest, Passing& passing);
  Result<bool> has_blob_once(const Digest& digest, Passing& passing);
  Result<bool> mount_once(const Digest& digest, const std::string& from, Passing& passing);
  Status push_blob_once(const Blob& blob, const OpenBody& open, Passing& passing);
  Status push_manifest_once(const std::string& tag_or_digest, const std::string& bytes,
                            const std::string& media_type, Passing& passing);
  /// A manifest's name for messages.
  [[nodiscard]] std::string shown(const std::string& tag_or_digest) const;

  Exchange exchange;
};

}  // namespace testctr::registry
