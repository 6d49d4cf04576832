// HTTP/1.1 for a client: one blocking call for a request, its body read a piece at a time. Names are resolved
// by c-ares, TLS is OpenSSL's, HTTP is parsed by Boost.Beast (response_parser.cc is the only file that
// includes it); all of it bounded in time and size. Redirects, tokens and retries are the caller's.
//
// A Client may be used by several threads at once: each exchange has a connection of its own, taken from
// those that are kept open or made anew, and gives it back when its body has been read to the end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/byte_source.h"
#include "base/fd.h"
#include "base/result.h"
#include "net/url.h"

namespace testctr::net {

/// What trust in a server stands on.
struct Tls {
  bool verify = true;                 ///< false only where a configuration says "insecure"
  std::vector<std::string> ca_files;  ///< PEM files that are trusted beside the system's
  std::string certificate, key;       ///< PEM files of a client certificate; empty: none
  bool operator==(const Tls&) const = default;
  auto operator<=>(const Tls&) const = default;
};

struct Timeouts {
  int64_t connect_ns = 10'000'000'000;  ///< name, connection and TLS handshake, all addresses together
  int64_t idle_ns = 30'000'000'000;     ///< without any byte of a body, either way
  /// A peer that drips (slow loris): less than this many bytes in any `slow_window_ns` is an error.
  uint64_t slow_bytes = 1024;
  int64_t slow_window_ns = 30'000'000'000;
  int64_t header_ns = 60'000'000'000;  ///< from the request's end to the end of the response's header
};

struct ClientOptions {
  Timeouts timeouts;
  /// Looked up as Go's and curl's clients do: HTTPS_PROXY, HTTP_PROXY (lower case too; HTTP_PROXY only in
  /// lower case where REQUEST_METHOD is set), ALL_PROXY, NO_PROXY. The default asks the environment. Only
  /// http:// and https:// proxies; user information in a proxy's URL is sent as Proxy-Authorization.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string user_agent;  ///< "testctr-script/0.1.0"
  /// Asked while something is waited for, by whichever thread waits: true ends it with an error within a
  /// second.
  std::function<bool()> cancelled;
  /// No socket is ever opened: each send is an error that says so.
  bool offline = false;
};

/// A request. Header names are sent as written.
struct Request {
  std::string method = "GET";
  Url url;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Host, User-Agent, Content-Length are added
  std::string body;                                          ///< a small one
  /// A large one, read once while it is sent; `body_size` must be what it gives.
  ByteSource* stream = nullptr;
  uint64_t body_size = 0;
  bool chunked = false;  ///< nobody knows the size of `stream`: all of it is sent, in chunks
  Tls tls;
  /// The path of a Unix socket that is connected to instead of the URL's host; no proxy is asked.
  std::string socket;
};

/// A response whose body is still to be read. Destroyed before the body's end, its connection is closed.
class Response {
 public:
  virtual ~Response() = default;
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; values of equal names joined by ", "
  std::optional<uint64_t> length;              ///< of the body, where the server says it
  /// The header's value, "" where there is none. @param name in lower case.
  [[nodiscard]] std::string header(const std::string& name) const;
  /// Up to `size` bytes of the body. @return 0 at its end; an error where the connection ended before, where
  /// the peer is too slow, where framing is wrong. `transient()` tells whether another try may help.
  virtual Result<size_t> read(char* buffer, size_t size) = 0;
};

/// What is left of an exchange that became another protocol's: the socket, and what came on it already.
struct Upgraded {
  Fd socket;
  std::string received;
};

/// All of a response's body. @return an error when it is longer than `limit`.
Result<std::string> read_body(Response& response, size_t limit);

/// What kind of failure an error of this module is. Errors carry it as their errno: cuts, resets, time limits
/// and refused connections (ECONNRESET, EPIPE, ETIMEDOUT while connecting, ETIME later, ECONNREFUSED,
/// ENETUNREACH, EHOSTUNREACH, EAGAIN for a name server's passing failure) may go away; unknown names (ENXIO),
/// certificates and what else is wrong with TLS (EPROTO), bad HTTP (EBADMSG), a proxy that refuses (EACCES),
/// being offline (ENETDOWN) or cancelled (ECANCELED) do not.
bool transient(const Error& error);
/// Whether no peer was reached at all: no route, no name server, refused, no answer to connecting, offline.
bool unreachable(const Error& error);

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends the request and reads the response's header (at most 64 KiB). A kept connection that turns out to
  /// be closed is replaced once, where nothing of the body was sent from a stream. 1xx responses are passed
  /// over.
  /// @return an error that names the host, and its address where one was reached, and what to do about it
  /// where something can be (certificates: which file would be trusted; http spoken on a TLS port and the
  /// reverse).
  Result<std::unique_ptr<Response>> send(const Request& request);

  /// Sends a request that asks for another protocol, on a connection of its own without TLS. @return the
  /// connection when the server agrees (101, or 200 as old engines do); else the answer, whose body is still
  /// to be read.
  Result<std::variant<Upgraded, std::unique_ptr<Response>>> upgrade(const Request& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace testctr::net
