// One repository of one registry: the OCI distribution protocol, version 1.1, with tokens, redirects and
// retries.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/digest.h"
#include "base/result.h"
#include "net/http.h"
#include "registry/names.h"

namespace testctr::registry {

struct SessionOptions {
  std::string authfile;                       ///< --authfile; empty: the usual places
  int retries = 5;                            ///< further tries of a request that failed in passing
  int64_t first_delay_ns = 500'000'000;       ///< before the second try; doubled each time, with jitter
  int64_t longest_delay_ns = 30'000'000'000;  ///< of a delay, Retry-After included: longer ones are an error
  /// Told what is retried and why, by whichever thread is about to wait, one at a time; may be empty.
  std::function<void(const std::string&)> note;
  std::function<bool()> cancelled;  ///< as net::ClientOptions::cancelled: ends the waiting for another try
  /// Tokens may be fetched from other hosts than the registry's; these are told the credentials only over
  /// TLS, or by plain HTTP where the location is insecure.
};

struct Document {
  std::string bytes;
  std::string media_type;  ///< the Content-Type without parameters
  Digest digest;           ///< of the bytes
};

/// A descriptor of what is to be pulled or pushed.
struct Blob {
  Digest digest;
  uint64_t size = 0;
};

/// Safe for several threads. `client` must outlive it.
class Session {
 public:
  /// Sends nothing yet. An insecure location is first spoken to by HTTPS whose certificates are not verified,
  /// then by plain HTTP; any other by HTTPS alone, this machine's own addresses too.
  /// @return a usage error for a host that is none
  static Result<std::unique_ptr<Session>> open(net::Client& client, Location location,
                                               SessionOptions options);
  ~Session();

  /// A manifest or index by tag or digest; all media types that we read are accepted. Its bytes are verified
  /// against the digest that was asked for, else against Docker-Content-Digest where the server sends it.
  /// @return an error for: not found (errno ENOENT; the message names reference and host), not authorized
  /// (EACCES; says which credentials were used, from where, and how to log in), more than `largest` bytes.
  Result<Document> manifest(const std::string& tag_or_digest, size_t largest);

  /// A stream of a blob: resumed with ranges where the connection is cut (from the beginning, passing over
  /// what was given already, where the server has no ranges), retried, redirected. Bytes are not verified
  /// here, but never more than blob.size are given, and fewer are an error. The session must outlive it.
  Result<std::unique_ptr<ByteSource>> blob(const Blob& blob);

  /// Whether the repository has it. Asks as somebody who wants to push.
  Result<bool> has_blob(const Digest& digest);
  /// Tries to have the registry take it from another of its repositories. @return whether it did.
  Result<bool> mount_blob(const Digest& digest, const std::string& from_repository);
  /// Uploads a blob in one piece (POST, then PUT), again from the beginning where that fails in passing.
  /// @param open gives the bytes anew for each try
  Status push_blob(const Blob& blob, const std::function<Result<std::unique_ptr<ByteSource>>()>& open);
  /// Uploads a manifest under a tag or its digest. @return an error where the registry answers with another
  /// digest than that of the bytes.
  Status push_manifest(const std::string& tag_or_digest, const std::string& bytes,
                       const std::string& media_type);

  [[nodiscard]] const Location& location() const;

 private:
  class Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::registry
