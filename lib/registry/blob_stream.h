// A blob on its way: one stream of bytes, however many connections it takes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "registry/exchange.h"

namespace testctr::registry {

/// What a Content-Range says: "bytes 10-19/20".
struct ContentRange {
  uint64_t first = 0, last = 0;
  std::optional<uint64_t> size;  ///< of the whole; nothing for "*"
};
std::optional<ContentRange> parse_content_range(std::string_view value);

class BlobStream final : public ByteSource {
 public:
  /// @param exchange must outlive it.
  BlobStream(Exchange& exchange, Blob blob);

  /// Sends the first request, so that what is not there is known at once.
  Status begin();
  Result<size_t> read(char* buffer, size_t size) override;

 private:
  Status open();
  Status open_once(Passing& passing);
  Status check_range(const net::Response& response) const;
  Status skip(net::Response& response, uint64_t bytes, Passing& passing) const;
  Result<size_t> end();
  [[nodiscard]] std::string what() const;

  Exchange& exchange_;
  const Blob blob_;
  Retry retry_;
  std::unique_ptr<net::Response> response_;
  uint64_t offset_ = 0;  // given so far
  uint64_t mark_ = 0;    // where the retries were counted anew
};

}  // namespace testctr::registry
