// What a server answers, from bytes to status, headers and the pieces of the body. response_parser.cc is the
// only file that includes Boost.Beast.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace testctr::net {

/// How the end of a body is known.
enum class Framing : unsigned char { none, length, chunked, until_close };

/// One response of HTTP/1. Errors are EBADMSG: what came is not HTTP, or more than a header may hold.
class ResponseParser {
 public:
  static constexpr size_t largest_header = size_t{64} * 1024;

  /// @param head whether it answers a HEAD request, and has no body whatever it says
  explicit ResponseParser(bool head);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  /// Reads the header. @param bytes all that came and was not used yet. @return how many are used now.
  Result<size_t> header(std::string_view bytes);
  [[nodiscard]] bool header_done() const;

  // From here on only after the header.
  [[nodiscard]] int status() const;
  /// As Response has them.
  [[nodiscard]] std::map<std::string, std::string> headers() const;
  [[nodiscard]] Framing framing() const;
  /// What Content-Length says.
  [[nodiscard]] std::optional<uint64_t> length() const;
  /// Whether the connection may be used again after the body.
  [[nodiscard]] bool keeps_open() const;

  struct Piece {
    size_t used = 0;   ///< of the bytes that came
    size_t given = 0;  ///< to the caller
    bool end = false;  ///< of the body
  };
  /// Takes a chunked body apart. @param bytes as for `header`.
  Result<Piece> chunked(std::string_view bytes, char* buffer, size_t size);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::net
